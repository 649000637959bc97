//! The page behind each code: what it means, a program that gets it, and one that does not.
//!
//! A page is a Markdown file here, embedded into the program. It opens with `# CODE: title` and holds at least one
//! fenced block ```` ```econ bad ```` that gives exactly this code, and at least one ```` ```econ good ```` without
//! errors; a test runs them all. Codes: `E01` syntax, `E02` names, `E03` shapes, `E04` domains, `E05` phases, cycles and
//! timing, `E06` chance, `E07` agents, markets and conduct, `E08` settings and the choice of a solver, `E09` run time
//! (solving, certificate, files); `W` likewise.

/// Code and page, in the order of the codes.
const PAGES: &[(&str, &str)] = &[
    ("E0101", include_str!("E0101.md")),
    ("E0102", include_str!("E0102.md")),
    ("E0103", include_str!("E0103.md")),
    ("E0104", include_str!("E0104.md")),
    ("E0105", include_str!("E0105.md")),
    ("E0106", include_str!("E0106.md")),
    ("E0107", include_str!("E0107.md")),
    ("E0108", include_str!("E0108.md")),
    ("E0109", include_str!("E0109.md")),
    ("E0110", include_str!("E0110.md")),
    ("E0111", include_str!("E0111.md")),
    ("E0112", include_str!("E0112.md")),
    ("E0113", include_str!("E0113.md")),
    ("E0114", include_str!("E0114.md")),
    ("E0115", include_str!("E0115.md")),
    ("E0116", include_str!("E0116.md")),
    ("E0118", include_str!("E0118.md")),
    ("E0119", include_str!("E0119.md")),
    ("E0120", include_str!("E0120.md")),
    ("E0201", include_str!("E0201.md")),
    ("E0202", include_str!("E0202.md")),
    ("E0203", include_str!("E0203.md")),
    ("E0205", include_str!("E0205.md")),
    ("E0206", include_str!("E0206.md")),
    ("E0207", include_str!("E0207.md")),
    ("E0208", include_str!("E0208.md")),
    ("E0209", include_str!("E0209.md")),
    ("E0210", include_str!("E0210.md")),
    ("E0301", include_str!("E0301.md")),
    ("E0302", include_str!("E0302.md")),
    ("E0303", include_str!("E0303.md")),
    ("E0304", include_str!("E0304.md")),
    ("E0305", include_str!("E0305.md")),
    ("E0306", include_str!("E0306.md")),
    ("E0307", include_str!("E0307.md")),
    ("E0308", include_str!("E0308.md")),
    ("E0309", include_str!("E0309.md")),
    ("E0401", include_str!("E0401.md")),
    ("E0402", include_str!("E0402.md")),
    ("E0403", include_str!("E0403.md")),
    ("E0404", include_str!("E0404.md")),
    ("E0405", include_str!("E0405.md")),
    ("E0406", include_str!("E0406.md")),
    ("E0407", include_str!("E0407.md")),
    ("E0408", include_str!("E0408.md")),
    ("E0409", include_str!("E0409.md")),
    ("E0501", include_str!("E0501.md")),
    ("E0502", include_str!("E0502.md")),
    ("E0503", include_str!("E0503.md")),
    ("E0504", include_str!("E0504.md")),
    ("E0505", include_str!("E0505.md")),
    ("E0601", include_str!("E0601.md")),
    ("E0602", include_str!("E0602.md")),
    ("E0603", include_str!("E0603.md")),
    ("E0604", include_str!("E0604.md")),
    ("E0605", include_str!("E0605.md")),
    ("E0606", include_str!("E0606.md")),
    ("E0701", include_str!("E0701.md")),
    ("E0702", include_str!("E0702.md")),
    ("E0703", include_str!("E0703.md")),
    ("E0704", include_str!("E0704.md")),
    ("E0705", include_str!("E0705.md")),
    ("E0706", include_str!("E0706.md")),
    ("E0707", include_str!("E0707.md")),
    ("E0708", include_str!("E0708.md")),
    ("E0709", include_str!("E0709.md")),
    ("E0710", include_str!("E0710.md")),
    ("E0711", include_str!("E0711.md")),
    ("E0712", include_str!("E0712.md")),
    ("E0713", include_str!("E0713.md")),
    ("E0714", include_str!("E0714.md")),
    ("E0715", include_str!("E0715.md")),
    ("E0716", include_str!("E0716.md")),
    ("E0717", include_str!("E0717.md")),
    ("E0718", include_str!("E0718.md")),
    ("E0801", include_str!("E0801.md")),
    ("E0802", include_str!("E0802.md")),
    ("E0803", include_str!("E0803.md")),
    ("E0804", include_str!("E0804.md")),
    ("E0805", include_str!("E0805.md")),
    ("E0806", include_str!("E0806.md")),
    ("E0807", include_str!("E0807.md")),
    ("E0808", include_str!("E0808.md")),
    ("E0810", include_str!("E0810.md")),
    ("E0811", include_str!("E0811.md")),
    ("E0812", include_str!("E0812.md")),
    ("E0814", include_str!("E0814.md")),
    ("E0815", include_str!("E0815.md")),
    ("E0816", include_str!("E0816.md")),
    ("E0817", include_str!("E0817.md")),
    ("E0818", include_str!("E0818.md")),
    ("E0819", include_str!("E0819.md")),
    ("E0820", include_str!("E0820.md")),
    ("E0821", include_str!("E0821.md")),
    ("E0825", include_str!("E0825.md")),
    ("E0826", include_str!("E0826.md")),
    ("E0827", include_str!("E0827.md")),
    ("E0828", include_str!("E0828.md")),
    ("E0829", include_str!("E0829.md")),
    ("E0830", include_str!("E0830.md")),
    ("E0831", include_str!("E0831.md")),
    ("E0832", include_str!("E0832.md")),
    ("E0833", include_str!("E0833.md")),
    ("E0834", include_str!("E0834.md")),
    ("E0835", include_str!("E0835.md")),
    ("E0836", include_str!("E0836.md")),
    ("E0837", include_str!("E0837.md")),
    ("E0842", include_str!("E0842.md")),
    ("E0843", include_str!("E0843.md")),
    ("E0844", include_str!("E0844.md")),
    ("E0845", include_str!("E0845.md")),
    ("E0847", include_str!("E0847.md")),
    ("E0850", include_str!("E0850.md")),
    ("E0851", include_str!("E0851.md")),
    ("E0854", include_str!("E0854.md")),
    ("E0855", include_str!("E0855.md")),
    ("E0856", include_str!("E0856.md")),
    ("E0857", include_str!("E0857.md")),
    ("E0858", include_str!("E0858.md")),
    ("E0859", include_str!("E0859.md")),
    ("E0860", include_str!("E0860.md")),
    ("E0861", include_str!("E0861.md")),
    ("E0862", include_str!("E0862.md")),
    ("E0863", include_str!("E0863.md")),
    ("E0864", include_str!("E0864.md")),
    ("E0865", include_str!("E0865.md")),
    ("E0866", include_str!("E0866.md")),
    ("E0867", include_str!("E0867.md")),
    ("E0868", include_str!("E0868.md")),
    ("E0869", include_str!("E0869.md")),
    ("E0901", include_str!("E0901.md")),
    ("E0902", include_str!("E0902.md")),
    ("E0903", include_str!("E0903.md")),
    ("E0904", include_str!("E0904.md")),
    ("E0905", include_str!("E0905.md")),
    ("E0906", include_str!("E0906.md")),
    ("E0907", include_str!("E0907.md")),
    ("E0908", include_str!("E0908.md")),
    ("E0910", include_str!("E0910.md")),
    ("E0911", include_str!("E0911.md")),
    ("E0912", include_str!("E0912.md")),
    ("E0913", include_str!("E0913.md")),
    ("E0914", include_str!("E0914.md")),
    ("E0915", include_str!("E0915.md")),
    ("E0916", include_str!("E0916.md")),
    ("E0917", include_str!("E0917.md")),
    ("E0918", include_str!("E0918.md")),
    ("E0919", include_str!("E0919.md")),
    ("E0920", include_str!("E0920.md")),
    ("E0921", include_str!("E0921.md")),
    ("E0922", include_str!("E0922.md")),
    ("E0923", include_str!("E0923.md")),
    ("E0924", include_str!("E0924.md")),
    ("E0925", include_str!("E0925.md")),
    ("E0927", include_str!("E0927.md")),
    ("E0928", include_str!("E0928.md")),
    ("E0929", include_str!("E0929.md")),
    ("E0930", include_str!("E0930.md")),
    ("E0931", include_str!("E0931.md")),
    ("E0932", include_str!("E0932.md")),
    ("E0933", include_str!("E0933.md")),
    ("E0934", include_str!("E0934.md")),
    ("E0935", include_str!("E0935.md")),
    ("E0936", include_str!("E0936.md")),
    ("E0937", include_str!("E0937.md")),
    ("E0938", include_str!("E0938.md")),
    ("E0939", include_str!("E0939.md")),
    ("E0940", include_str!("E0940.md")),
    ("E0941", include_str!("E0941.md")),
    ("E0942", include_str!("E0942.md")),
    ("E0943", include_str!("E0943.md")),
    ("E0944", include_str!("E0944.md")),
    ("E0945", include_str!("E0945.md")),
    ("E0946", include_str!("E0946.md")),
    ("E0947", include_str!("E0947.md")),
    ("E0948", include_str!("E0948.md")),
    ("E0949", include_str!("E0949.md")),
    ("E0950", include_str!("E0950.md")),
    ("E0951", include_str!("E0951.md")),
    ("E0952", include_str!("E0952.md")),
    ("E0953", include_str!("E0953.md")),
    ("E0954", include_str!("E0954.md")),
    ("E0955", include_str!("E0955.md")),
    ("E0956", include_str!("E0956.md")),
    ("E0957", include_str!("E0957.md")),
    ("E0958", include_str!("E0958.md")),
    ("E0959", include_str!("E0959.md")),
    ("E0960", include_str!("E0960.md")),
    ("E0961", include_str!("E0961.md")),
    ("E0962", include_str!("E0962.md")),
    ("E0963", include_str!("E0963.md")),
    ("E0964", include_str!("E0964.md")),
    ("E0965", include_str!("E0965.md")),
    ("E0966", include_str!("E0966.md")),
    ("E0967", include_str!("E0967.md")),
    ("E0968", include_str!("E0968.md")),
    ("E0969", include_str!("E0969.md")),
    ("E0970", include_str!("E0970.md")),
    ("E0971", include_str!("E0971.md")),
    ("E0972", include_str!("E0972.md")),
    ("E0973", include_str!("E0973.md")),
    ("E0974", include_str!("E0974.md")),
    ("E0975", include_str!("E0975.md")),
    ("E0976", include_str!("E0976.md")),
    ("E0977", include_str!("E0977.md")),
    ("E0978", include_str!("E0978.md")),
    ("E0979", include_str!("E0979.md")),
    ("E0980", include_str!("E0980.md")),
    ("E0981", include_str!("E0981.md")),
    ("E0982", include_str!("E0982.md")),
    ("E0983", include_str!("E0983.md")),
    ("E0984", include_str!("E0984.md")),
    ("E0985", include_str!("E0985.md")),
    ("E0986", include_str!("E0986.md")),
    ("E0987", include_str!("E0987.md")),
    ("E0988", include_str!("E0988.md")),
    ("E0989", include_str!("E0989.md")),
    ("E0990", include_str!("E0990.md")),
    ("E0991", include_str!("E0991.md")),
    ("E0992", include_str!("E0992.md")),
    ("E0993", include_str!("E0993.md")),
    ("E0994", include_str!("E0994.md")),
    ("E0995", include_str!("E0995.md")),
    ("E0996", include_str!("E0996.md")),
    ("E0997", include_str!("E0997.md")),
    ("W0404", include_str!("W0404.md")),
    ("W0405", include_str!("W0405.md")),
    ("W0406", include_str!("W0406.md")),
    ("W0601", include_str!("W0601.md")),
    ("W0607", include_str!("W0607.md")),
    ("W0701", include_str!("W0701.md")),
    ("W0707", include_str!("W0707.md")),
    ("W0713", include_str!("W0713.md")),
    ("W0811", include_str!("W0811.md")),
    ("W0817", include_str!("W0817.md")),
    ("W0818", include_str!("W0818.md")),
    ("W0820", include_str!("W0820.md")),
    ("W0825", include_str!("W0825.md")),
    ("W0826", include_str!("W0826.md")),
    ("W0827", include_str!("W0827.md")),
    ("W0830", include_str!("W0830.md")),
    ("W0834", include_str!("W0834.md")),
    ("W0907", include_str!("W0907.md")),
    ("W0908", include_str!("W0908.md")),
    ("W0909", include_str!("W0909.md")),
    ("W0910", include_str!("W0910.md")),
    ("W0930", include_str!("W0930.md")),
    ("W0931", include_str!("W0931.md")),
    ("W0932", include_str!("W0932.md")),
    ("W0948", include_str!("W0948.md")),
    ("W0949", include_str!("W0949.md")),
    ("W0973", include_str!("W0973.md")),
    ("W0974", include_str!("W0974.md")),
    ("W0978", include_str!("W0978.md")),
    ("W0979", include_str!("W0979.md")),
    ("W0980", include_str!("W0980.md")),
    ("W0981", include_str!("W0981.md")),
    ("W0982", include_str!("W0982.md")),
    ("W0983", include_str!("W0983.md")),
    ("W0984", include_str!("W0984.md")),
    ("W0985", include_str!("W0985.md")),
    ("W0988", include_str!("W0988.md")),
    ("W0990", include_str!("W0990.md")),
    ("W0991", include_str!("W0991.md")),
];

/// Codes about a file or a command as a whole, which no program text can show.
pub const WITHOUT_EXAMPLE: &[&str] = &[
    "E0116", "E0119", "E0120", "E0802", "E0810", "E0811", "E0812", "E0814", "E0815", "E0816", "E0817", "E0818",
    "E0819", "E0820", "E0821", "E0825", "E0826", "E0827", "E0828", "E0830", "E0831", "E0832", "E0835", "E0836",
    "E0837", "E0843", "E0844", "E0845", "E0847", "E0850", "E0851", "E0854", "E0855", "E0856", "E0857", "E0859",
    "E0860", "E0861", "E0862", "E0863", "E0864", "E0865", "E0866", "E0867", "E0868", "E0901", "E0902", "E0903",
    "E0904", "E0905", "E0906", "E0907", "E0908", "E0910", "E0911", "E0912", "E0913", "E0914", "E0915", "E0916",
    "E0917", "E0918", "E0919", "E0920", "E0921", "E0922", "E0923", "E0924", "E0925", "E0927", "E0928", "E0929",
    "E0930", "E0931", "E0932", "E0933", "E0934", "E0935", "E0936", "E0937", "E0938", "E0939", "E0940", "E0941",
    "E0942", "E0943", "E0944", "E0945", "E0946", "E0947", "E0948", "E0949", "E0950", "E0951", "E0952", "E0953",
    "E0954", "E0955", "E0956", "E0957", "E0958", "E0959", "E0960", "E0961", "E0962", "E0963", "E0964", "E0965",
    "E0966", "E0967", "E0968", "E0969", "E0970", "E0971", "E0972", "E0973", "E0974", "E0975", "E0976", "E0977",
    "E0978", "E0979", "E0980", "E0981", "E0982", "E0983", "E0984", "E0985", "E0986", "E0987", "E0988", "E0989",
    "E0990", "E0991", "E0992", "E0993", "E0994", "E0995", "E0996", "E0997", "W0811", "W0818", "W0820", "W0825",
    "W0830", "W0907", "W0908", "W0909", "W0910", "W0930", "W0931", "W0932", "W0948", "W0949", "W0973", "W0974",
    "W0978", "W0979", "W0980", "W0981", "W0982", "W0983", "W0984", "W0985", "W0988", "W0990", "W0991",
];

/// The page of a code, if there is such a code. Case does not matter.
pub fn page(code: &str) -> Option<&'static str> {
    PAGES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(code))
        .map(|(_, page)| *page)
}

/// Every code that has a page, in order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    PAGES.iter().map(|(code, _)| *code)
}

/// The first line of a page without the code: "a bracket is never closed".
pub fn title(page: &str) -> &str {
    let line = page.lines().next().unwrap_or("");
    line.split_once(": ").map_or(line, |(_, title)| title)
}

/// The programs of a page that are marked ```` ```econ bad ```` (`wanted` is "bad") or "good", one text per program.
pub fn examples(page: &str, wanted: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current: Option<String> = None;
    for line in page.lines() {
        match &mut current {
            Some(text) => {
                if line.trim_end() == "```" {
                    found.extend(current.take());
                } else {
                    text.push_str(line);
                    text.push('\n');
                }
            }
            None => {
                if line.strip_prefix("```econ ").is_some_and(|mark| mark.trim() == wanted) {
                    current = Some(String::new());
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_open_with_their_code_and_stand_in_order() {
        let mut before = "";
        for code in codes() {
            let page = page(code).unwrap_or("");
            assert!(page.starts_with(&format!("# {code}: ")), "{code} has another title");
            assert!(before < code, "{code} stands after {before}");
            before = code;
            let examples = examples(page, "bad").len().min(examples(page, "good").len());
            assert_eq!(examples > 0, !WITHOUT_EXAMPLE.contains(&code), "{code}: examples");
        }
    }

    #[test]
    fn every_page_in_the_directory_is_embedded() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/diag/explain");
        let mut files: Vec<String> = std::fs::read_dir(directory)
            .expect("the source directory exists")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter_map(|name| name.strip_suffix(".md").map(String::from))
            .collect();
        files.sort();
        assert_eq!(files, codes().collect::<Vec<_>>());
    }

    #[test]
    fn a_code_is_found_in_any_case() {
        assert!(page("e0101").is_some());
        assert!(page("E9999").is_none());
        assert_eq!(title("# E0101: a title\n"), "a title");
    }
}
