//! Event files of TensorBoard: records of protocol buffers with masked CRC-32C sums, written by hand since only
//! scalars are needed (TensorFlow's `record_writer.h`, `event.proto`, `summary.proto`).
//!
//! The time of an event is its step: a log does not depend on the clock.

/// Polynomial of CRC-32C (Castagnoli), reflected.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// An event file in memory.
#[derive(Clone, Debug, Default)]
pub struct Events(Vec<u8>);

impl Events {
    /// A file with its version record.
    pub fn new() -> Self {
        let mut events = Events(Vec::new());
        let mut body = vec![0x09];
        body.extend(0f64.to_le_bytes());
        bytes(&mut body, 3, b"brain.Event:2");
        events.record(&body);
        events
    }

    /// Adds the value of a scalar at a step.
    pub fn scalar(&mut self, step: u64, tag: &str, value: f64) {
        let mut inner = Vec::new();
        bytes(&mut inner, 1, tag.as_bytes());
        inner.push(0x15); // field 2, 32 bits: simple_value
        inner.extend((value as f32).to_le_bytes());
        let mut summary = Vec::new();
        bytes(&mut summary, 1, &inner);
        let mut body = vec![0x09]; // field 1, 64 bits: wall_time
        body.extend((step as f64).to_le_bytes());
        body.push(0x10); // field 2, varint: step
        varint(&mut body, step);
        bytes(&mut body, 5, &summary);
        self.record(&body);
    }

    /// The bytes of the file.
    pub fn finish(self) -> Vec<u8> {
        self.0
    }

    fn record(&mut self, body: &[u8]) {
        let length = (body.len() as u64).to_le_bytes();
        self.0.extend(length);
        self.0.extend(masked(crc32c(&length)).to_le_bytes());
        self.0.extend(body);
        self.0.extend(masked(crc32c(body)).to_le_bytes());
    }
}

fn varint(out: &mut Vec<u8>, mut x: u64) {
    while x >= 0x80 {
        out.push(x as u8 | 0x80);
        x >>= 7;
    }
    out.push(x as u8);
}

/// A field of bytes.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
        }
    }
    !crc
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standard() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn records_follow_one_another() {
        let mut events = Events::new();
        events.scalar(300, "a/b", 1.5);
        let file = events.finish();
        let mut at = 0;
        let mut bodies = Vec::new();
        while at < file.len() {
            let n = u64::from_le_bytes(file[at..at + 8].try_into().unwrap()) as usize;
            let body = &file[at + 12..at + 12 + n];
            let sum = u32::from_le_bytes(file[at + 12 + n..at + 16 + n].try_into().unwrap());
            assert_eq!(sum, masked(crc32c(body)));
            bodies.push(body.to_vec());
            at += 16 + n;
        }
        assert_eq!(bodies.len(), 2);
        assert!(bodies[0].ends_with(b"brain.Event:2"));
        assert!(bodies[1].windows(3).any(|w| w == b"a/b"));
        // Step 300 as a varint is AC 02.
        assert_eq!(&bodies[1][9..12], &[0x10, 0xAC, 0x02]);
        assert!(bodies[1].ends_with(&1.5f32.to_le_bytes()));
    }
}
