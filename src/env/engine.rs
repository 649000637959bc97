//! Evaluating chosen nodes of a graph for many worlds at once.
//!
//! A [`Frame`] holds one array an input, element by element, the worlds of an element side by side: element `e` of
//! world `w` stands at `e * worlds + w`. Outputs are laid out the same way. Small economies are unrolled and compiled: worlds
//! are the lanes of one program. Where that would take too many instructions (a population of thousands in few worlds),
//! the graph is interpreted node by node, members side by side.

use crate::diag::Diagnostic;
use crate::graph::eval;
use crate::graph::{Graph, InputId, NodeId};
use crate::kernel::program::{Mode, Operand, Program, Workspace};
use crate::kernel::unroll::Unroll;
use std::sync::Arc;

/// One array an input of the graph: `elements * worlds` numbers.
pub type Frame = Vec<Vec<f64>>;

/// Most elements of all nodes together that are unrolled.
const UNROLLED: usize = 100_000;

/// Some nodes of a graph, ready to be evaluated.
pub struct Engine {
    graph: Arc<Graph>,
    outputs: Vec<NodeId>,
    sizes: Vec<usize>,
    compiled: Option<Box<Compiled>>,
}

/// A program over (input, element) pairs.
struct Compiled {
    program: Program<f64>,
    /// (input, element) behind each input of the program.
    inputs: Vec<(usize, usize)>,
    workspace: Workspace<f64>,
}

impl Engine {
    /// Prepares the evaluation of `outputs`.
    pub fn new(graph: Arc<Graph>, outputs: Vec<NodeId>) -> Result<Engine, Diagnostic> {
        let sizes = outputs
            .iter()
            .map(|o| graph.elements(&graph.nodes[o.0 as usize].shape))
            .collect();
        let total: usize = graph.nodes.iter().map(|n| graph.elements(&n.shape)).sum();
        let compiled = if total <= UNROLLED {
            compile(&graph, &outputs)?
        } else {
            None
        };
        Ok(Engine {
            graph,
            outputs,
            sizes,
            compiled,
        })
    }

    /// Number of elements of each output.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// Evaluates the outputs in `worlds` worlds: one array an output.
    pub fn run(&mut self, frame: &Frame, worlds: usize) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let mut out: Vec<Vec<f64>> = self.sizes.iter().map(|s| vec![0.0; s * worlds]).collect();
        if self.outputs.is_empty() {
            return Ok(out);
        }
        if let Some(c) = &mut self.compiled {
            let inputs: Vec<Operand<f64>> = c
                .inputs
                .iter()
                .map(|(i, e)| Operand::Lanes(&frame[*i][e * worlds..(e + 1) * worlds]))
                .collect();
            let mut slices: Vec<&mut [f64]> = out.iter_mut().flat_map(|o| o.chunks_mut(worlds)).collect();
            c.program
                .run(&inputs, worlds, &mut slices, &mut c.workspace)
                .map_err(|e| broken(&e.to_string()))?;
            return Ok(out);
        }
        for w in 0..worlds {
            let inputs: Vec<Vec<f64>> = frame
                .iter()
                .map(|a| a.iter().skip(w).step_by(worlds).copied().collect())
                .collect();
            let values = eval::evaluate(&self.graph, &inputs).map_err(|e| broken(&e.to_string()))?;
            for (k, o) in self.outputs.iter().enumerate() {
                for (e, x) in values.nodes[o.0 as usize].iter().enumerate() {
                    out[k][e * worlds + w] = *x;
                }
            }
        }
        Ok(out)
    }
}

fn broken(why: &str) -> Diagnostic {
    Diagnostic::error("E0990", format!("the graph cannot be evaluated: {why}"))
        .hint("this is a bug in econc: please send the model")
}

fn compile(graph: &Graph, outputs: &[NodeId]) -> Result<Option<Box<Compiled>>, Diagnostic> {
    let mut unroll = Unroll::new(graph);
    let mut inputs = Vec::new();
    for (i, input) in graph.inputs.iter().enumerate() {
        let n = graph.elements(&input.shape);
        let first = inputs.len();
        inputs.extend((0..n).map(|e| (i, e)));
        let ids = (first..first + n).map(|k| unroll.dag.input(k as u32)).collect();
        unroll.bind(InputId(i as u32), ids);
    }
    let mut ids = Vec::new();
    for o in outputs {
        ids.extend(unroll.node(*o).map_err(|e| broken(&e.to_string()))?);
    }
    let modes = vec![Mode::Lanes; inputs.len()];
    let program = Program::compile(&unroll.dag, &modes, &ids).map_err(|e| broken(&e.to_string()))?;
    Ok(Some(Box::new(Compiled {
        program,
        inputs,
        workspace: Workspace::default(),
    })))
}
