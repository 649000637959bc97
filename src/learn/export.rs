//! A policy as safetensors: weights as named tensors, and in the metadata what is needed to use them.

use super::Policy;
use super::nets::{Mlp, Net};
use super::policy::PolicyKind;
use crate::diag::Diagnostic;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::HashMap;

/// The bytes of a safetensors file. Layers are `layer.K.weight` (inputs x outputs, row-major) and `layer.K.bias`, to be applied to
/// `(observation - observation.mean) * observation.factor`, clipped to ten; the metadata hold the method, the activation,
/// the columns of the observation and the meaning of the outputs.
///
/// # Errors
/// E0923 for policies that are not a feedforward network; E0951 if the format refuses.
pub fn safetensors(policy: &Policy, columns: &[String]) -> Result<Vec<u8>, Diagnostic> {
    let (net, meaning, log_std) = match &policy.kind {
        PolicyKind::Feedforward { net, log_std } => (
            net,
            "means of continuous actions in [-1, 1], then logits of choices",
            &log_std[..],
        ),
        PolicyKind::Squashed { net } => (net, "means before tanh, then log standard deviations", &[][..]),
        PolicyKind::Greedy { net, dueling, .. } => (
            net,
            if *dueling {
                "level, then the advantages of joint choices"
            } else {
                "values of joint choices"
            },
            &[][..],
        ),
        PolicyKind::Recurrent { .. } | PolicyKind::Tabular { .. } => {
            return Err(Diagnostic::error(
                "E0923",
                format!("a policy of `{}` is no feedforward network", policy.method),
            )
            .hint("export it as a table: --to table"));
        }
    };
    let mut data: Vec<(String, Vec<usize>, Vec<f32>)> = layers(net);
    if !log_std.is_empty() {
        data.push(("log_std".into(), vec![log_std.len()], log_std.to_vec()));
    }
    if let Some(o) = &policy.observation {
        let (shift, factor) = o.affine();
        data.push(("observation.mean".into(), vec![shift.len()], shift.to_vec()));
        data.push(("observation.factor".into(), vec![factor.len()], factor.to_vec()));
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
        ("observation".to_string(), columns.join(", ")),
        ("outputs".to_string(), meaning.to_string()),
        ("continuous".to_string(), policy.space.continuous.to_string()),
        ("choices".to_string(), format!("{:?}", policy.space.discrete)),
    ]);
    safetensors::serialize(views, Some(metadata)).map_err(wrong)
}

/// Weights and biases of each layer.
fn layers(net: &Mlp) -> Vec<(String, Vec<usize>, Vec<f32>)> {
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
