//! A policy as safetensors: weights as named tensors, and metadata that say how to use them.

use super::Policy;
use super::nets::{Mlp, Net};
use super::policy::PolicyKind;
use super::spaces::JointChoices;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::interface::Interface;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

/// The bytes of a safetensors file, with everything needed to act as the policy does:
///
/// 1. `x = 2 (o - observation.low) / (observation.high - observation.low) - 1` for the observation `o` in units of the file (labels of
///    chains one-hot), then `(x - observation.mean) * observation.factor` clipped to ten, where these tensors stand;
/// 2. layers `layer.K.weight` (inputs x outputs, row-major) and `layer.K.bias`, with the activation of the metadata between them;
/// 3. continuous outputs `a` (through `tanh` where the metadata say so) are clipped to [-1, 1] and moved to
///    `(a + c) / (1 + c a)` with `c = action.centre`;
/// 4. the action is `action.low + s (action.high - action.low)` with `s = (a + 1) / 2` held between `action.margin_low` and
///    `1 - action.margin_high` (ends are NaN where bounds move with the state); choices take the largest logit, and mean what the metadata `actions`
///    says.
///
/// # Errors
/// E0923 for policies that are not a feedforward network; E0951 if the format refuses.
pub fn safetensors(policy: &Policy, interface: &Interface, model: &Model) -> Result<Vec<u8>, Diagnostic> {
    let outputs = outputs_of(policy)?;
    let (net, meaning, log_std) = (outputs.net(), outputs.meaning(), outputs.log_std());
    let mut data: Vec<(String, Vec<usize>, Vec<f32>)> = layers(net);
    if !log_std.is_empty() {
        data.push(("log_std".into(), vec![log_std.len()], log_std.to_vec()));
    }
    if let Some(o) = &policy.observation {
        let (shift, factor) = o.affine();
        data.push(("observation.mean".into(), vec![shift.len()], shift.to_vec()));
        data.push(("observation.factor".into(), vec![factor.len()], factor.to_vec()));
    }
    let single =
        |x: &dyn Fn(&(f64, f64)) -> f64, of: &[(f64, f64)]| of.iter().map(|e| x(e) as f32).collect::<Vec<f32>>();
    let ends = interface.ends();
    data.push(("observation.low".into(), vec![ends.len()], single(&|e| e.0, &ends)));
    data.push(("observation.high".into(), vec![ends.len()], single(&|e| e.1, &ends)));
    let meanings = interface.meanings(model);
    let dims = policy.space.continuous;
    if dims > 0 {
        let centre = if policy.centre.is_empty() {
            vec![0.0; dims]
        } else {
            policy.centre.clone()
        };
        data.push(("action.centre".into(), vec![dims], centre));
        let mut of: [Vec<f32>; 4] = [
            vec![f32::NAN; dims],
            vec![f32::NAN; dims],
            vec![0.0; dims],
            vec![0.0; dims],
        ];
        for m in &meanings {
            if let (Some(at), Some((lo, hi, below, above))) = (m.continuous, m.ends) {
                for (column, x) in of.iter_mut().zip([lo, hi, below, above]) {
                    column[at] = x as f32;
                }
            }
        }
        for (name, column) in ["low", "high", "margin_low", "margin_high"].iter().zip(of) {
            data.push((format!("action.{name}"), vec![dims], column));
        }
    }
    let bytes: Vec<Vec<u8>> = data
        .iter()
        .map(|(_, _, x)| x.iter().flat_map(|v| v.to_le_bytes()).collect())
        .collect();
    let wrong = |e: safetensors::SafeTensorError| {
        Diagnostic::error("E0951", "the policy cannot be written as safetensors").note(e.to_string())
    };
    let mut views = Vec::new();
    for ((name, shape, _), b) in data.iter().zip(&bytes) {
        views.push((
            name.as_str(),
            TensorView::new(Dtype::F32, shape.clone(), b).map_err(wrong)?,
        ));
    }
    let metadata: HashMap<String, String> = HashMap::from([
        ("econc".to_string(), env!("CARGO_PKG_VERSION").to_string()),
        ("method".to_string(), policy.method.clone()),
        (
            "activation".to_string(),
            format!("{:?}", net.activation()).to_lowercase(),
        ),
        ("observation".to_string(), interface.columns().join(", ")),
        ("outputs".to_string(), meaning.to_string()),
        (
            "actions".to_string(),
            serde_json::to_string(&meanings).map_err(|e| {
                Diagnostic::error("E0951", "the meaning of actions cannot be written").note(e.to_string())
            })?,
        ),
        ("continuous".to_string(), policy.space.continuous.to_string()),
        ("choices".to_string(), format!("{:?}", policy.space.discrete)),
    ]);
    safetensors::serialize(views, Some(metadata)).map_err(wrong)
}

/// What the network of a policy says.
pub(super) enum Outputs<'a> {
    /// Means of numbers in [-1, 1], then logits of choices.
    Law { net: &'a Mlp, log_std: &'a [f32] },
    /// Means before tanh, then log standard deviations.
    Squashed { net: &'a Mlp },
    /// Values of joint choices; with `dueling` a level stands before them.
    Values {
        net: &'a Mlp,
        dueling: bool,
        choices: &'a JointChoices,
    },
}

impl Outputs<'_> {
    /// The network.
    pub(super) fn net(&self) -> &Mlp {
        match self {
            Outputs::Law { net, .. } | Outputs::Squashed { net } | Outputs::Values { net, .. } => net,
        }
    }

    fn log_std(&self) -> &[f32] {
        match self {
            Outputs::Law { log_std, .. } => log_std,
            Outputs::Squashed { .. } | Outputs::Values { .. } => &[],
        }
    }

    fn meaning(&self) -> &'static str {
        match self {
            Outputs::Law { .. } => "means of continuous actions in [-1, 1], then logits of choices",
            Outputs::Squashed { .. } => "means before tanh, then log standard deviations",
            Outputs::Values { dueling: true, .. } => "level, then the advantages of joint choices",
            Outputs::Values { .. } => "values of joint choices",
        }
    }
}

/// The network of a policy, and what it says.
///
/// # Errors
/// E0923 for policies that are not a feedforward network.
pub(super) fn outputs_of(policy: &Policy) -> Result<Outputs<'_>, Diagnostic> {
    match &policy.kind {
        PolicyKind::Feedforward { net, log_std } => Ok(Outputs::Law { net, log_std }),
        PolicyKind::Squashed { net } => Ok(Outputs::Squashed { net }),
        PolicyKind::Greedy {
            net, dueling, choices, ..
        } => Ok(Outputs::Values {
            net,
            dueling: *dueling,
            choices,
        }),
        PolicyKind::Recurrent { .. } | PolicyKind::Tabular { .. } | PolicyKind::Members { .. } => {
            Err(Diagnostic::error(
                "E0923",
                format!("a policy of `{}` is no feedforward network", policy.method),
            )
            .hint("export it as a table: --to table"))
        }
    }
}

/// Weights and biases of each layer: weights and biases in turn, with name and shape.
pub(super) fn layers(net: &Mlp) -> Vec<(String, Vec<usize>, Vec<f32>)> {
    let mut rest = net.params();
    let mut out = Vec::new();
    for (k, pair) in net.sizes().windows(2).enumerate() {
        let (weight, after) = rest.split_at(pair[0] * pair[1]);
        let (bias, after) = after.split_at(pair[1]);
        out.push((format!("layer.{k}.weight"), pair.to_vec(), weight.to_vec()));
        out.push((format!("layer.{k}.bias"), vec![pair[1]], bias.to_vec()));
        rest = after;
    }
    out
}
