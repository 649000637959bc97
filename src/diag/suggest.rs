//! Did-you-mean: the candidate that is most likely what was meant.
//!
//! The distance counts insertions, deletions, replacements and swaps of neighbours (optimal string alignment); a word
//! of `n` letters may differ by `n / 3`, at least by one. Ties go to the candidate with the longer common beginning,
//! then to the one named first, so that the same file always gets the same advice.

/// The best of `candidates` within the distance, if there is one. A word of one letter gets no advice but by case.
pub fn did_you_mean<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let length = word.chars().count();
    let limit = if length < 2 { 0 } else { (length / 3).max(1) };
    let lower = word.to_lowercase();
    let mut best: Option<((usize, usize), &str)> = None;
    for candidate in candidates {
        if candidate == word {
            continue;
        }
        let distance = if candidate.to_lowercase() == lower {
            0
        } else if candidate.chars().count().abs_diff(length) > limit {
            continue;
        } else {
            strsim::osa_distance(&lower, &candidate.to_lowercase())
        };
        let shared = word.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
        let rank = (distance, usize::MAX - shared);
        if distance <= limit && best.is_none_or(|(other, _)| rank < other) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn a_close_name_is_offered() {
        let names = ["discount", "reward", "observe", "alpha"];
        assert_eq!(did_you_mean("discuont", names), Some("discount"));
        assert_eq!(did_you_mean("Alpha", names), Some("alpha"));
        assert_eq!(did_you_mean("rewrd", names), Some("reward"));
    }

    #[test]
    fn a_distant_or_single_letter_name_is_not() {
        assert_eq!(did_you_mean("k", ["z", "s"]), None);
        assert_eq!(did_you_mean("K", ["z", "k"]), Some("k"));
        assert_eq!(did_you_mean("household", ["firm", "good"]), None);
    }

    #[test]
    fn ties_go_to_the_longer_common_beginning_then_to_the_first() {
        assert_eq!(did_you_mean("beta", ["zeta", "beto"]), Some("beto"));
        assert_eq!(did_you_mean("stat", ["star", "stay"]), Some("star"));
    }
}
