//! What counts as a solution, and what policies may depend on: the words of `solve { concept = .., information = .. }`.

use serde::{Deserialize, Serialize};

/// What counts as a solution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Concept {
    /// One decision maker who chooses for all agents, and knows how every market responds.
    Planner,
    /// Everybody takes prices as given.
    Competitive,
    /// Every agent takes the choices of the others as given.
    Nash,
    /// The agents maximise the sum of their rewards.
    Collusive,
    /// Agents move in the order of `stages`; earlier movers anticipate how later ones respond.
    Stackelberg,
    /// Every agent takes the paths of the others' choices as given, whatever happens to states.
    OpenLoop,
}

/// What policies may depend on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Information {
    /// What the agents observe.
    #[default]
    Observed,
    /// Everything that matters.
    Full,
}

/// What a parameter that is the result of a solve asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sought {
    /// `steady_state(k)`: where everything rests.
    SteadyState,
    /// `solve nash(p, horizon: 1)`: what is done under a concept.
    Solution(Concept),
}

impl Sought {
    /// What a word asks for, as it is written before the parenthesis. Paths of a whole future are no parameter.
    pub fn of(word: &str) -> Option<Sought> {
        match (word, Concept::of(word)) {
            ("steady_state", _) => Some(Sought::SteadyState),
            (_, Some(concept)) if concept != Concept::OpenLoop => Some(Sought::Solution(concept)),
            _ => None,
        }
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Sought::SteadyState => "steady_state",
            Sought::Solution(concept) => concept.word(),
        }
    }
}

/// The words for concepts.
pub const CONCEPTS: &[&str] = &[
    "planner",
    "competitive",
    "nash",
    "collusive",
    "stackelberg",
    "open_loop",
];

/// The words for what policies may depend on.
pub const INFORMATION: &[&str] = &["observed", "full"];

impl Concept {
    /// The concept of a word of [`CONCEPTS`].
    pub fn of(word: &str) -> Option<Concept> {
        use Concept as C;
        let all = [
            C::Planner,
            C::Competitive,
            C::Nash,
            C::Collusive,
            C::Stackelberg,
            C::OpenLoop,
        ];
        all.into_iter().find(|c| c.word() == word)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Concept::Planner => "planner",
            Concept::Competitive => "competitive",
            Concept::Nash => "nash",
            Concept::Collusive => "collusive",
            Concept::Stackelberg => "stackelberg",
            Concept::OpenLoop => "open_loop",
        }
    }

    /// Whether one who decides for several maximises the sum of their rewards.
    pub fn joint(self) -> bool {
        matches!(self, Concept::Planner | Concept::Collusive)
    }
}

impl Information {
    /// What a word of [`INFORMATION`] stands for.
    pub fn of(word: &str) -> Option<Information> {
        match word {
            "observed" => Some(Information::Observed),
            "full" => Some(Information::Full),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_means_something_and_nothing_else() {
        for word in CONCEPTS {
            assert_eq!(Concept::of(word).map(Concept::word), Some(*word));
        }
        for word in INFORMATION {
            assert!(Information::of(word).is_some(), "{word}");
        }
        assert!(Concept::of("nashh").is_none() && Information::of("").is_none());
    }
}
