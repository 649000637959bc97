//! The models that `econc new` copies: the files under `models/`, part of the program.

/// A model to start from.
#[derive(Debug)]
pub(super) struct Template {
    /// Its name, which is also that of its file.
    pub(super) name: &'static str,
    /// Its text.
    pub(super) source: &'static str,
}

macro_rules! templates {
    ($($name:literal)*) => {
        /// All models, in the order of their names.
        pub(super) const TEMPLATES: &[Template] = &[
            $(Template { name: $name, source: include_str!(concat!("../../models/", $name, ".econ")) }),*
        ];
    };
}

templates! {
    "acrobot"
    "aiyagari"
    "aiyagari_transition"
    "bank_run"
    "bertrand"
    "brock_mirman"
    "bus"
    "cake"
    "calvano"
    "capital_goods"
    "capital_goods_firms"
    "capital_goods_planner"
    "cartpole"
    "cournot"
    "discretion"
    "durable_goods"
    "entry_exit"
    "entry_game"
    "exchange"
    "finite_life"
    "first_price"
    "fish_war"
    "growth"
    "growth_deterministic"
    "growth_market"
    "growth_markov"
    "half_informed"
    "hopenhayn"
    "huggett"
    "huggett_risk"
    "irreversible"
    "krusell_smith"
    "krusell_smith_small"
    "language_benchmark"
    "life_cycle"
    "lq_duopoly"
    "lucas_tree"
    "matching"
    "mccall"
    "menu_costs"
    "monopolist"
    "mountain_car"
    "mountain_car_discrete"
    "optimal_stopping"
    "pendulum"
    "portfolio"
    "producers"
    "producers_many"
    "producers_reduced"
    "rationing"
    "rbc"
    "rbc_labour"
    "retirement"
    "rock_paper_scissors"
    "sovereign_default"
    "stackelberg"
    "sticky_prices"
    "townsend"
    "two_sectors"
    "two_sectors_labour"
    "two_sectors_logit"
    "two_sectors_market"
}

impl Template {
    /// The title in the header.
    pub(super) fn title(&self) -> &'static str {
        let header = self.source.lines().find(|l| l.starts_with("model "));
        header.and_then(|l| l.split('"').nth(1)).unwrap_or("")
    }

    /// The comment before the header, on one line.
    pub(super) fn about(&self) -> String {
        let lines = self.source.lines().take_while(|l| l.starts_with('#'));
        lines
            .map(|l| l.trim_start_matches('#').trim())
            .collect::<Vec<&str>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_a_template_with_a_title() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
        let mut names: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "econ"))
            .map(|p| p.file_stem().unwrap().to_str().unwrap().to_string())
            .collect();
        names.sort();
        let listed: Vec<&str> = TEMPLATES.iter().map(|t| t.name).collect();
        assert_eq!(names, listed, "the list in this file names every file under models/");
        for template in TEMPLATES {
            assert!(!template.title().is_empty(), "{}", template.name);
            assert!(!template.about().is_empty(), "{}", template.name);
        }
    }
}
