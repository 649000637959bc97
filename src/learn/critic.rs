//! The critic of learners that follow the gradient of the action value: one network of state and action, or a level and an advantage.
//!
//! In an economy what one action changes is small beside what states are worth: of the order of `1 - discount` of it, once the
//! action is about right. A single network then learns the level and leaves its own sampling error in the slope that the
//! policy climbs. `Q(s, a) = V(s) + w A(s, a)` with two networks and a fixed small `w` gives the slope a scale of its own (the
//! idea of Baird's 1993 advantage updating): steps of the optimiser move it by `w` times as much.

#[cfg(feature = "learn")]
use super::nets::tape::{
    Cpu, Gradients, HasShape, Module, OnTape, Recording, Rows, Trace, Wants, numbers, operation_of_two,
};
use super::nets::{Activation, Mlp, Net, Workspace};
use super::normalize::rescale;
use super::options::word_option;
use crate::num::random::Stream;
use serde::{Deserialize, Serialize};

/// What a critic is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CriticForm {
    /// A level and an advantage.
    Advantage,
    /// One network of state and action.
    Joint,
}
word_option!(CriticForm, "advantage or joint", "advantage" => CriticForm::Advantage, "joint" => CriticForm::Joint);

/// Weight of the advantage over `1 - discount`.
const OVER_ONE_PERIOD: f64 = 2.0;

/// A critic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Critic {
    level: Option<Mlp>,
    advantage: Mlp,
    weight: f32,
}

/// A critic on a tape.
#[cfg(feature = "learn")]
pub struct CriticOnTape {
    level: Option<OnTape<Mlp>>,
    advantage: OnTape<Mlp>,
    weight: f32,
}

#[cfg(feature = "learn")]
impl CriticOnTape {
    /// Values (`n` by 1, one per row) of `n` rows: `observation` (`n` by `width`), and `input` (`n` by `width + dims`),
    /// each observation followed by its action. On its way back to the advantage the derivative with respect to the
    /// values (`n`) passes through `filter`; a joint critic gets it as it is.
    pub fn forward(
        &self,
        observation: &Rows,
        input: &Rows,
        filter: impl FnOnce(&mut [f32]) + 'static,
    ) -> Rows<Recording> {
        let advantage = self.advantage.forward(input.leaky_trace());
        let Some(level) = &self.level else {
            return advantage;
        };
        let level = level.forward(observation.leaky_trace());
        let (mut values, shape, weight) = (numbers(&advantage), *advantage.shape(), self.weight);
        let base = numbers(&level);
        values
            .iter_mut()
            .zip(&base)
            .for_each(|(a, v)| *a = weight.mul_add(*a, *v));
        operation_of_two(advantage, level, values, shape, move |dvalue, dadvantage, dlevel| {
            dlevel.iter_mut().zip(dvalue).for_each(|(l, d)| *l += d);
            let mut filtered = dvalue.to_vec();
            filter(&mut filtered);
            dadvantage.iter_mut().zip(&filtered).for_each(|(a, d)| *a += d * weight);
        })
    }

    /// The part of the values (`n` by 1) that depends on actions, up to a constant, on the tape of `input` (as in
    /// [`Self::forward`]).
    pub fn slope(&self, input: Rows<Recording>) -> Rows<Recording> {
        self.advantage.forward(input) * self.weight
    }

    /// Derivatives, one number per parameter ([`Critic::count`] of them): those of the advantage, then those of the
    /// level.
    pub fn gradient(self, gradients: &mut Gradients<f32, Cpu>) -> Vec<f32> {
        let mut out = self.advantage.gradient(gradients);
        out.extend(self.level.into_iter().flat_map(|l| l.gradient(gradients)));
        out
    }
}

impl Critic {
    /// A fresh critic of observations of width `width` and actions of `dims` dimensions; `hidden` has one width per
    /// hidden layer.
    pub fn new(
        form: CriticForm,
        (width, dims): (usize, usize),
        hidden: &[usize],
        activation: Activation,
        discount: f64,
        rng: &mut Stream,
    ) -> Critic {
        let advantage = Mlp::new(width + dims, hidden, 1, activation, 0.1, rng);
        let (level, weight) = match form {
            CriticForm::Joint => (None, 1.0),
            CriticForm::Advantage => (
                Some(Mlp::new(width, hidden, 1, activation, 0.1, rng)),
                (OVER_ONE_PERIOD * (1.0 - discount)).clamp(0.01, 1.0) as f32,
            ),
        };
        Critic {
            level,
            advantage,
            weight,
        }
    }

    /// Number of parameters.
    pub fn count(&self) -> usize {
        self.advantage.params().len() + self.level.as_ref().map_or(0, |l| l.params().len())
    }

    /// Whether what was read from a file has the form of `self`.
    pub fn fits(&self, other: &Critic) -> bool {
        let same = |a: &Mlp, b: &Mlp| a.is_consistent() && a.sizes() == b.sizes();
        let levels = match (&self.level, &other.level) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        levels && same(&self.advantage, &other.advantage) && self.weight == other.weight
    }

    /// The critic as it stands, to be differentiated.
    #[cfg(feature = "learn")]
    pub fn on_tape(&self, wants: Wants) -> CriticOnTape {
        CriticOnTape {
            level: self.level.as_ref().map(|l| OnTape::new(l, wants)),
            advantage: OnTape::new(&self.advantage, wants),
            weight: self.weight,
        }
    }

    /// Values (`rows`) of rows: `observation` (`rows x width`), and `input` (`rows x (width + dims)`), each observation
    /// followed by its action.
    pub fn infer(&self, observation: &[f32], input: &[f32], rows: usize, ws: &mut Workspace, out: &mut Vec<f32>) {
        out.resize(rows, 0.0);
        self.advantage.infer(input, rows, ws, out);
        if let Some(level) = &self.level {
            let mut base = vec![0.0; rows];
            level.infer(observation, rows, ws, &mut base);
            out.iter_mut()
                .zip(&base)
                .for_each(|(a, v)| *a = self.weight.mul_add(*a, *v));
        }
    }

    /// Parameters beside their gradients, for an optimiser: the advantage's, then the level's. `gradient` has one
    /// number per parameter, as [`CriticOnTape::gradient`] gives them.
    pub fn parts<'a>(&'a mut self, gradient: &'a [f32]) -> Vec<(&'a mut [f32], &'a [f32])> {
        let (own, rest) = gradient.split_at(self.advantage.params().len());
        let mut parts = vec![(self.advantage.params_mut(), own)];
        parts.extend(self.level.as_mut().map(|l| (l.params_mut(), rest)));
        parts
    }

    /// Moves towards another critic.
    pub fn follow(&mut self, other: &Critic, weight: f32) {
        super::nets::simd::blend(self.advantage.params_mut(), other.advantage.params(), weight);
        if let (Some(a), Some(b)) = (&mut self.level, &other.level) {
            super::nets::simd::blend(a.params_mut(), b.params(), weight);
        }
    }

    /// Keeps the values where they are when the unit of values changes.
    pub fn rescale(&mut self, correction: (f32, f32)) {
        match &mut self.level {
            Some(level) => {
                rescale(level, correction, 1);
                rescale(&mut self.advantage, correction, 0);
            }
            None => rescale(&mut self.advantage, correction, 1),
        }
    }
}

#[cfg(all(test, feature = "learn"))]
mod tests {
    use super::super::nets::tape::{Backward, rows, take};
    use super::*;
    use dfdx::prelude::{Axes2, SumTo};

    #[test]
    fn slopes_and_gradients_are_those_of_finite_differences() {
        for form in [CriticForm::Joint, CriticForm::Advantage] {
            let mut critic = Critic::new(form, (2, 1), &[8], Activation::Tanh, 0.9, &mut Stream::new(3, 0));
            let (observation, input) = ([0.3, -0.7, 0.9, 0.1], [0.3, -0.7, 0.4, 0.9, 0.1, -0.2]);
            let mut ws = Workspace::default();
            let (mut out, mut again) = (Vec::new(), Vec::new());
            critic.infer(&observation, &input, 2, &mut ws, &mut out);
            let (seen, given) = (rows(observation.to_vec(), 2), rows(input.to_vec(), 3));
            let on_tape = critic.on_tape(Wants::PARAMS);
            let values = on_tape.forward(&seen, &given, |_| ());
            again.extend(numbers(&values));
            assert_eq!(out, again);
            let first = |x: Rows<Recording>| (x * rows(vec![1.0, 0.0], 1)).sum::<(), Axes2<0, 1>>();
            let gradient = on_tape.gradient(&mut first(values).backward());
            assert_eq!(gradient.len(), critic.count());
            // What the filter takes away is missing in the advantage, and there alone.
            let on_tape = critic.on_tape(Wants::PARAMS);
            let values = on_tape.forward(&seen, &given, |errors| errors.fill(0.0));
            let filtered = on_tape.gradient(&mut first(values).backward());
            let own = critic.advantage.params().len();
            match form {
                CriticForm::Joint => assert_eq!(filtered, gradient),
                CriticForm::Advantage => {
                    assert!(filtered[..own].iter().all(|g| *g == 0.0) && gradient[..own].iter().any(|g| *g != 0.0));
                    assert_eq!(filtered[own..], gradient[own..]);
                }
            }
            let on_tape = critic.on_tape(Wants::INPUT);
            let slopes = take(&mut first(on_tape.slope(given.leaky_trace())).backward(), &given);
            let step = 1e-2f32;
            let value = |critic: &Critic, a: f32| {
                let (mut ws, mut out) = (Workspace::default(), Vec::new());
                let input = [0.3, -0.7, a, 0.9, 0.1, -0.2];
                critic.infer(&observation, &input, 2, &mut ws, &mut out);
                out[0]
            };
            let slope = (value(&critic, 0.4 + step) - value(&critic, 0.4 - step)) / (2.0 * step);
            assert!((slope - slopes[2]).abs() < 1e-3, "{slope} {}", slopes[2]);
            for k in [0, gradient.len() - 1] {
                let moved = |d: f32| {
                    let mut c = critic.clone();
                    let mut direction = vec![0.0; gradient.len()];
                    direction[k] = 1.0;
                    for (p, g) in c.parts(&direction) {
                        p.iter_mut().zip(g).for_each(|(p, g)| *p += d * g);
                    }
                    value(&c, 0.4)
                };
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                assert!((slope - gradient[k]).abs() < 1e-3, "{slope} {}", gradient[k]);
            }
            let before = value(&critic, 0.4);
            // From units of 2 around 5 to units of 4 around 7.
            critic.rescale((0.5, -0.5));
            assert!((4.0 * value(&critic, 0.4) + 7.0 - (2.0 * before + 5.0)).abs() < 1e-4);
        }
    }
}
