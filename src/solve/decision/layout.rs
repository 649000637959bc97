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
    /// States, actions, what others do, shocks now (with numbers that are set from outside) and next, and what carries noises, then the date.
    pub(super) fn new(
        states: &[Id],
        actions: [&[Id]; 2],
        (shocks, numbers): ([&[Id]; 2], &[Id]),
        noise: &[Id],
        time: Option<Id>,
    ) -> Order {
        let now: Vec<Option<Id>> = shocks[0].iter().chain(numbers).copied().map(Some).collect();
        // Nothing reads next period's numbers.
        let later: Vec<Option<Id>> = (shocks[1].iter().copied().map(Some))
            .chain(numbers.iter().map(|_| None))
            .collect();
        let mut inputs: Vec<Option<Id>> = Vec::new();
        let some = |ids: &[Id]| -> Vec<Option<Id>> { ids.iter().copied().map(Some).collect() };
        let mut group = |ids: &[Option<Id>]| {
            let first = inputs.len();
            inputs.extend(ids);
            first
        };
        let layout = Layout {
            states: group(&some(states)),
            actions: group(&some(actions[0])),
            given: group(&some(actions[1])),
            shocks: group(&now),
            next: group(&later),
            noise: group(&some(noise)),
            time: group(&[]),
        };
        inputs.push(time);
        Order { layout, inputs }
    }
}
