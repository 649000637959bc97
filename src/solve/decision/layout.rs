//! The inputs of a problem's programs, in their order.

use crate::kernel::dag::Id;

/// Where each group of inputs begins.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    pub(super) states: usize,
    pub(super) actions: usize,
    /// What others do, who are not decided for.
    pub(super) given: usize,
    pub(super) shocks: usize,
    pub(super) next: usize,
    pub(super) noise: usize,
    pub(super) time: usize,
}

/// The inputs in the order of the layout: the expression of each (`None` for a date that nothing reads).
pub(super) struct Order {
    pub(super) layout: Layout,
    pub(super) inputs: Vec<Option<Id>>,
}

impl Order {
    /// States, actions, what others do, shocks now and next, and what carries noises, then the date.
    pub(super) fn new(states: &[Id], actions: [&[Id]; 2], shocks: [&[Id]; 2], noise: &[Id], time: Option<Id>) -> Order {
        let mut inputs: Vec<Option<Id>> = Vec::new();
        let mut group = |ids: &[Id]| {
            let first = inputs.len();
            inputs.extend(ids.iter().copied().map(Some));
            first
        };
        let layout = Layout {
            states: group(states),
            actions: group(actions[0]),
            given: group(actions[1]),
            shocks: group(shocks[0]),
            next: group(shocks[1]),
            noise: group(noise),
            time: group(&[]),
        };
        inputs.push(time);
        Order { layout, inputs }
    }
}
