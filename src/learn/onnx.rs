//! A policy as ONNX: a graph of standard operators that other programs run as it stands.

use super::Policy;
use super::export::{Outputs, layers, outputs_of};
use super::nets::Activation;
use super::spaces::JointChoices;
use crate::check::Model;
use crate::diag::Diagnostic;
use crate::env::ActionSpace;
use crate::env::interface::Interface;
use onnx_rs::ast::{
    Attribute, AttributeType, DataType, Dimension, Graph, Node, OpType, OperatorSetId, StringStringEntry, TensorProto,
    TensorShape, TensorShapeDimension, TensorTypeProto, TypeProto, TypeValue, ValueInfo,
};

/// The version of the standard operators that is asked for; all that are used here have kept their meaning since.
const OPERATORS: i64 = 13;
/// The version of the format that goes with it.
const FORMAT: i64 = 8;
/// What a forbidden choice loses against an allowed one.
const FORBIDDEN: f32 = 1e30;

/// The bytes of an ONNX file that decides as the policy does without exploration, for any number of rows:
///
/// * input `observation` (`row x column`, single precision), each column as the environment gives it: scaled to [-1, 1] where the file
///   has two ends, `2 (o - low) / (high - low) - 1`, one-hot for chains, else as it is. The metadata `observation`, `observation.low` and
///   `observation.high` say which column is what; standardisation is part of the graph.
/// * input `mask` (`row x choice`, 1 where a choice is allowed), where choices can be forbidden.
/// * output `action` (`row x number`, in [-1, 1]), where numbers are chosen, and output `choice` (`row x choice`, whole numbers from 0), where
///   finite choices are. They are what an environment takes; the metadata `actions` say what they mean in units of the file.
///
/// # Errors
/// E0923 for policies that are not a feedforward network; E0951 if the meaning of actions cannot be written.
pub fn onnx(policy: &Policy, interface: &Interface, model: &Model) -> Result<Vec<u8>, Diagnostic> {
    let outputs = outputs_of(policy)?;
    let space = &policy.space;
    let masked = interface.masked() && !space.discrete.is_empty();
    let mut plan = Plan::default();
    let head = plan.network(policy, &outputs);
    match outputs {
        Outputs::Law { .. } => plan.decide(space, &head, masked),
        Outputs::Squashed { .. } => {
            let means = plan.columns(&head, 0, space.continuous);
            let inside = plan.node(OpType::Tanh, &[&means]);
            plan.numbers = Some(inside);
        }
        Outputs::Values { choices, dueling, .. } => {
            let from = usize::from(dueling);
            let values = plan.columns(&head, from, from + choices.count());
            plan.best_joint(space, choices, &values, masked);
        }
    }
    plan.finish(policy);
    let meanings = serde_json::to_string(&interface.meanings(model))
        .map_err(|e| Diagnostic::error("E0951", "the meaning of actions cannot be written").note(e.to_string()))?;
    let list = |x: &dyn Fn(&(f64, f64)) -> f64| {
        let ends: Vec<String> = interface.ends().iter().map(|e| x(e).to_string()).collect();
        ends.join(", ")
    };
    let metadata = [
        ("econc", env!("CARGO_PKG_VERSION").to_string()),
        ("method", policy.method.clone()),
        ("observation", interface.columns().join(", ")),
        ("observation.low", list(&|e| e.0)),
        ("observation.high", list(&|e| e.1)),
        ("actions", meanings),
    ];
    Ok(plan.bytes(policy, masked, &metadata))
}

/// A graph that is being written.
#[derive(Default)]
struct Plan {
    /// What is computed, in order.
    nodes: Vec<Step>,
    /// Name, shape and numbers of each constant.
    constants: Vec<(String, Vec<usize>, Vec<f32>)>,
    /// The same of whole numbers.
    whole: Vec<(String, Vec<usize>, Vec<i64>)>,
    /// Name of what is chosen among numbers, `row x number`.
    numbers: Option<String>,
    /// Names of what is chosen among finite sets, side by side, `row x ..`.
    choices: Vec<String>,
}

impl Plan {
    fn node(&mut self, kind: OpType<'static>, inputs: &[&str]) -> String {
        self.node_with(kind, inputs, &[])
    }

    fn node_with(&mut self, kind: OpType<'static>, inputs: &[&str], attributes: &[(&'static str, i64)]) -> String {
        let name = format!("step.{}", self.nodes.len());
        self.add(kind, inputs, &name, attributes);
        name
    }

    fn add(&mut self, kind: OpType<'static>, inputs: &[&str], output: &str, attributes: &[(&'static str, i64)]) {
        self.nodes.push(Step {
            kind,
            inputs: inputs.iter().map(|i| (*i).to_string()).collect(),
            output: output.to_string(),
            attributes: attributes.to_vec(),
        });
    }

    fn constant(&mut self, name: &str, shape: &[usize], numbers: Vec<f32>) -> String {
        self.constants.push((name.to_string(), shape.to_vec(), numbers));
        name.to_string()
    }

    fn whole(&mut self, name: &str, numbers: Vec<i64>) -> String {
        if !self.whole.iter().any(|w| w.0 == name) {
            self.whole.push((name.to_string(), vec![numbers.len()], numbers));
        }
        name.to_string()
    }

    /// `x` held between two numbers.
    fn held(&mut self, x: &str, most: f32) -> String {
        let low = self.constant(&format!("{x}.least"), &[], vec![-most]);
        let high = self.constant(&format!("{x}.most"), &[], vec![most]);
        self.node(OpType::Clip, &[x, &low, &high])
    }

    /// Columns `from..to` of `x`.
    fn columns(&mut self, x: &str, from: usize, to: usize) -> String {
        let from = self.whole(&format!("at.{from}"), vec![from as i64]);
        let to = self.whole(&format!("at.{to}"), vec![to as i64]);
        let axis = self.whole("at.1", vec![1]);
        self.node(OpType::Slice, &[x, &from, &to, &axis])
    }

    /// The outputs of the network at the standardised observation.
    fn network(&mut self, policy: &Policy, outputs: &Outputs<'_>) -> String {
        let mut x = "observation".to_string();
        if let Some(o) = &policy.observation {
            let (shift, factor) = o.affine();
            let mean = self.constant("observation.mean", &[shift.len()], shift.to_vec());
            let scale = self.constant("observation.factor", &[factor.len()], factor.to_vec());
            let centred = self.node(OpType::Sub, &[&x, &mean]);
            let scaled = self.node(OpType::Mul, &[&centred, &scale]);
            x = self.held(&scaled, super::normalize::BOUND);
        }
        let net = outputs.net();
        let between = match net.activation() {
            Activation::Tanh => OpType::Tanh,
            Activation::Relu => OpType::Relu,
        };
        let tensors = layers(net);
        for (k, pair) in tensors.chunks_exact(2).enumerate() {
            if k > 0 {
                x = self.node(between.clone(), &[&x]);
            }
            let weight = self.constant(&pair[0].0, &pair[0].1, pair[0].2.clone());
            let bias = self.constant(&pair[1].0, &pair[1].1, pair[1].2.clone());
            x = self.node(OpType::Gemm, &[&x, &weight, &bias]);
        }
        x
    }

    /// Means of numbers, and of each finite set the allowed choice with the largest logit.
    fn decide(&mut self, space: &ActionSpace, head: &str, masked: bool) {
        if space.continuous > 0 {
            let means = self.columns(head, 0, space.continuous);
            self.numbers = Some(means);
        }
        let mut at = 0;
        for size in &space.discrete {
            let from = space.continuous + at;
            let mut logits = self.columns(head, from, from + size);
            if masked {
                let allowed = self.columns("mask", at, at + size);
                logits = self.without(&logits, &allowed);
            }
            let best = self.node_with(OpType::ArgMax, &[&logits], &[("axis", 1), ("keepdims", 1)]);
            self.choices.push(best);
            at += size;
        }
    }

    /// `values` less much where `allowed` is 0.
    fn without(&mut self, values: &str, allowed: &str) -> String {
        let one = self.constant(&format!("{allowed}.one"), &[], vec![1.0]);
        let much = self.constant(&format!("{allowed}.much"), &[], vec![FORBIDDEN]);
        let gap = self.node(OpType::Sub, &[&one, allowed]);
        let loss = self.node(OpType::Mul, &[&gap, &much]);
        self.node(OpType::Sub, &[values, &loss])
    }

    /// The allowed joint choice with the largest value, looked up in tables of what joint choices are.
    fn best_joint(&mut self, space: &ActionSpace, choices: &JointChoices, values: &str, masked: bool) {
        let (count, c, d) = (choices.count(), space.continuous, space.discrete.len());
        let (mut numbers, mut indices) = (vec![0.0f32; count * c], vec![0u32; count * d]);
        for joint in 0..count {
            choices.decode(space, joint, joint, &mut numbers, &mut indices);
        }
        let mut values = values.to_string();
        if masked {
            // How many of the parts of a joint choice are forbidden.
            let total: usize = space.discrete.iter().sum();
            let mut parts = vec![0.0f32; total * count];
            for joint in 0..count {
                let mut at = 0;
                for (k, size) in space.discrete.iter().enumerate() {
                    parts[(at + indices[joint * d + k] as usize) * count + joint] = 1.0;
                    at += size;
                }
            }
            let parts = self.constant("joint.parts", &[total, count], parts);
            let all = self.constant("joint.all", &[], vec![d as f32]);
            let much = self.constant("joint.much", &[], vec![FORBIDDEN]);
            let open = self.node(OpType::MatMul, &["mask", &parts]);
            let gap = self.node(OpType::Sub, &[&all, &open]);
            let loss = self.node(OpType::Mul, &[&gap, &much]);
            values = self.node(OpType::Sub, &[&values, &loss]);
        }
        let best = self.node_with(OpType::ArgMax, &[&values], &[("axis", 1), ("keepdims", 0)]);
        if c > 0 {
            let table = self.constant("joint.numbers", &[count, c], numbers);
            let chosen = self.node_with(OpType::Gather, &[&table, &best], &[("axis", 0)]);
            self.numbers = Some(chosen);
        }
        if d > 0 {
            let table = indices.iter().map(|i| i64::from(*i)).collect();
            self.whole.push(("joint.choices".into(), vec![count, d], table));
            let chosen = self.node_with(OpType::Gather, &["joint.choices", &best], &[("axis", 0)]);
            self.choices.push(chosen);
        }
    }

    /// Names the outputs: numbers are held in [-1, 1] and moved around the centre of the policy.
    fn finish(&mut self, policy: &Policy) {
        let choices = std::mem::take(&mut self.choices);
        if !choices.is_empty() {
            let parts: Vec<&str> = choices.iter().map(String::as_str).collect();
            self.add(OpType::Concat, &parts, "choice", &[("axis", 1)]);
        }
        let Some(a) = self.numbers.take() else { return };
        let mut a = self.held(&a, 1.0);
        if !policy.centre.is_empty() {
            let centre = self.constant("action.centre", &[policy.centre.len()], policy.centre.clone());
            let one = self.constant("action.one", &[], vec![1.0]);
            let above = self.node(OpType::Add, &[&a, &centre]);
            let product = self.node(OpType::Mul, &[&a, &centre]);
            let below = self.node(OpType::Add, &[&product, &one]);
            a = self.node(OpType::Div, &[&above, &below]);
        }
        let low = self.constant("action.least", &[], vec![-1.0]);
        let high = self.constant("action.most", &[], vec![1.0]);
        self.add(OpType::Clip, &[&a, &low, &high], "action", &[]);
    }

    fn bytes(&self, policy: &Policy, masked: bool, metadata: &[(&str, String)]) -> Vec<u8> {
        let space = &policy.space;
        let choices: usize = space.discrete.iter().sum();
        let mut input = vec![value("observation", DataType::Float, policy.observation_width)];
        if masked {
            input.push(value("mask", DataType::Float, choices));
        }
        let mut output = Vec::new();
        if space.continuous > 0 {
            output.push(value("action", DataType::Float, space.continuous));
        }
        if !space.discrete.is_empty() {
            output.push(value("choice", DataType::Int64, space.discrete.len()));
        }
        let dims = |shape: &[usize]| shape.iter().map(|n| *n as i64).collect::<Vec<i64>>();
        let floats = self
            .constants
            .iter()
            .map(|(n, s, x)| TensorProto::from_f32(n, dims(s), x.clone()));
        let wholes = self
            .whole
            .iter()
            .map(|(n, s, x)| TensorProto::from_i64(n, dims(s), x.clone()));
        let graph = Graph {
            name: "policy",
            node: self.nodes.iter().map(Step::node).collect(),
            initializer: floats.chain(wholes).collect(),
            input,
            output,
            ..Graph::default()
        };
        onnx_rs::encode(&onnx_rs::Model {
            ir_version: FORMAT,
            producer_name: "econc",
            producer_version: env!("CARGO_PKG_VERSION"),
            opset_import: vec![OperatorSetId {
                domain: "",
                version: OPERATORS,
            }],
            metadata_props: metadata
                .iter()
                .map(|(key, value)| StringStringEntry { key, value })
                .collect(),
            graph: Some(graph),
            ..onnx_rs::Model::default()
        })
    }
}

/// An operator at work.
struct Step {
    kind: OpType<'static>,
    /// Names: one per input.
    inputs: Vec<String>,
    output: String,
    /// Names and whole numbers.
    attributes: Vec<(&'static str, i64)>,
}

impl Step {
    fn node(&self) -> Node<'_> {
        let number = |(name, i): &(&'static str, i64)| Attribute {
            name,
            r#type: AttributeType::Int,
            i: *i,
            ..Attribute::default()
        };
        Node {
            op_type: self.kind.clone(),
            input: self.inputs.iter().map(String::as_str).collect(),
            output: vec![&self.output],
            attribute: self.attributes.iter().map(number).collect(),
            ..Node::default()
        }
    }
}

/// An input or output of the graph: any number of rows with `columns` numbers.
fn value(name: &'static str, kind: DataType, columns: usize) -> ValueInfo<'static> {
    let dimension = |value| TensorShapeDimension { value, denotation: "" };
    ValueInfo {
        name,
        r#type: Some(TypeProto {
            value: Some(TypeValue::Tensor(TensorTypeProto {
                elem_type: kind,
                shape: Some(TensorShape {
                    dim: vec![
                        dimension(Dimension::Param("row")),
                        dimension(Dimension::Value(columns as i64)),
                    ],
                }),
            })),
            denotation: "",
        }),
        ..ValueInfo::default()
    }
}
