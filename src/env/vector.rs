//! A checked economy as a game: many worlds at once, with a seat for each agent that a caller plays.

use super::able::{learner_of, twice};
use super::behaviour::Actor;
use super::cast::Cast;
use super::game::Game;
use super::interface::Interface;
use super::place::{Now, SeatPlace};
use super::seat::{Actions, Seat, Seen, Told};
use super::worlds::trial::Place;
use super::worlds::{Bounds, Worlds};
use crate::check::model::Model;
use crate::diag::Diagnostic;

/// Settings of a game.
#[derive(Clone, Debug)]
pub struct GameOptions {
    /// Who has a seat: one entry per seat; at least one.
    pub seats: Vec<Sitting>,
    /// Scenario, by name.
    pub scenario: Option<String>,
    /// Worlds side by side.
    pub worlds: usize,
    /// Periods after which a record stops; `None` takes the scenario's, and without one never stops.
    pub periods: Option<usize>,
    /// How everybody chooses who has no seat and no rule.
    pub others: Cast,
    /// Neighbouring worlds with common random numbers (see [`Worlds::share_chance`]).
    pub together: usize,
    /// Whether they begin alike, too.
    pub alike: bool,
}

/// An agent that the caller plays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sitting {
    /// Its name; `None` is the only one that decides.
    pub agent: Option<String>,
    /// Offer actions that have a grid in the file as choices among its nodes.
    pub grids: bool,
    /// Show what a central critic sees, too.
    pub joint: bool,
}

impl Sitting {
    /// Seats of a game with one: one entry per seat, for the only agent that decides.
    pub fn only(grids: bool) -> Vec<Sitting> {
        vec![Sitting {
            agent: None,
            grids,
            joint: false,
        }]
    }
}

/// Worlds of one economy with a seat for each agent that the caller plays. A slot is `world * members + member`.
pub struct Vectorised {
    worlds: Worlds,
    seats: Vec<Seat>,
    places: Vec<SeatPlace>,
    others: Actor,
    /// Bounds of the actions of all stages so far.
    bounds: Vec<(usize, Bounds)>,
    stage: usize,
    turn: Vec<usize>,
    periods: Option<usize>,
    /// Worlds that stand still in this period; empty where all go on.
    still: Vec<bool>,
    failure: Option<Diagnostic>,
}

/// Everything of a [`Vectorised`] that moves.
#[derive(serde::Serialize, serde::Deserialize)]
struct Stored {
    worlds: Vec<u8>,
    places: Vec<Now>,
    bounds: Vec<(usize, Bounds)>,
    stage: usize,
}

impl Vectorised {
    /// Worlds of `model`, started from seed 0.
    ///
    /// # Errors
    /// E0928 or E0927 for an agent that cannot learn or is named twice, E0828 for a discount factor that moves, and those of
    /// [`Worlds::new`].
    pub fn new(model: &Model, options: &GameOptions) -> Result<Vectorised, Diagnostic> {
        let mut agents: Vec<usize> = Vec::new();
        for s in &options.seats {
            let agent = learner_of(model, s.agent.as_deref())?;
            if agents.contains(&agent) {
                return Err(twice(&model.agents[agent].name));
            }
            agents.push(agent);
        }
        let mut worlds = Worlds::new(model, options.scenario.as_deref(), options.worlds.max(1), 0, &[])?;
        let together = worlds.share_chance(options.together, options.alike)?;
        let model = worlds.model.clone();
        let places = agents
            .iter()
            .zip(&options.seats)
            .map(|(a, s)| SeatPlace::new(&worlds, *a, s.grids, s.joint))
            .collect::<Result<Vec<_>, _>>()?;
        let own: Vec<usize> = places.iter().flat_map(|p| p.interface.actions.clone()).collect();
        let others = Actor::beside(&worlds, &options.others, &own)?;
        let scenario = options.scenario.as_ref();
        let periods = options.periods.or_else(|| {
            let s = model.scenarios.iter().find(|s| Some(&s.name) == scenario)?;
            s.periods
        });
        let mut game = Vectorised {
            seats: places.iter().map(|p| p.seat(&model, together)).collect(),
            worlds,
            places,
            others,
            bounds: Vec::new(),
            stage: 0,
            turn: Vec::new(),
            periods,
            still: Vec::new(),
            failure: None,
        };
        game.begin()?;
        Ok(game)
    }

    /// The translation between file and learner of a seat.
    pub fn interface(&self, seat: usize) -> &Interface {
        &self.places[seat].interface
    }

    /// Why the last step could not be carried out, if it could not: rewards are then not a number.
    pub fn take_failure(&mut self) -> Option<Diagnostic> {
        self.failure.take()
    }

    /// What happened in the worlds so far.
    pub fn counts(&self) -> &super::worlds::Counts {
        &self.worlds.counts
    }

    /// The worlds.
    pub fn worlds(&self) -> &Worlds {
        &self.worlds
    }

    /// Lets the marked worlds stand still in the period that is being played: nothing happens in them, and nothing is earned. `still` has one
    /// entry per world; empty, all go on.
    pub fn stand_still(&mut self, still: &[bool]) {
        self.still = still.to_vec();
    }

    /// Begins a new episode in the marked worlds before anybody has chosen in this period; `which` has one entry per world. Episodes that went
    /// on there are forgotten.
    ///
    /// # Errors
    /// Those of [`Worlds::restart`].
    pub fn begin_anew(&mut self, which: &[bool]) -> Result<(), Diagnostic> {
        self.places.iter_mut().for_each(|p| p.forget(which));
        self.worlds.begin_anew(which)?;
        self.others.forget_worlds(which);
        self.begin()
    }

    /// The seats that choose at the present stage.
    fn at_this_stage(&self) -> Vec<usize> {
        let own = |p: &usize| self.places[*p].interface.stage;
        let here = |p: &usize| fault!("game.all_at_once", self.stage == 0, own(p) == self.stage);
        (0..self.places.len()).filter(here).collect()
    }

    /// From the first stage of a period up to one at which a seat chooses.
    fn begin(&mut self) -> Result<(), Diagnostic> {
        self.bounds.clear();
        self.stage = 0;
        fault!("game.seen_early", do { self.places.iter_mut().try_for_each(|p| p.look(&self.worlds))? });
        self.enter()
    }

    /// From this stage up to one at which a seat chooses: everybody else acts, then those on turn look.
    fn enter(&mut self) -> Result<(), Diagnostic> {
        loop {
            self.bounds.extend(self.others.act(&mut self.worlds, self.stage)?);
            self.turn = self.at_this_stage();
            if !self.turn.is_empty() {
                break;
            }
            self.next_stage()?;
        }
        for p in &self.turn {
            self.places[*p].begin(&self.worlds, &self.bounds)?;
        }
        Ok(())
    }

    /// One stage further; after the last the period is over.
    fn next_stage(&mut self) -> Result<(), Diagnostic> {
        self.stage += 1;
        if self.stage >= self.worlds.model.stages.len().max(1) {
            self.pass()?;
            self.bounds.clear();
            self.stage = 0;
            fault!("game.seen_early", do { self.places.iter_mut().try_for_each(|p| p.look(&self.worlds))? });
        }
        Ok(())
    }

    /// Everybody has chosen: a period passes, and worlds that end begin anew.
    fn pass(&mut self) -> Result<(), Diagnostic> {
        let n = self.worlds.worlds();
        let standing: Vec<(usize, Place)> = (0..n)
            .filter(|w| self.still.get(*w).is_some_and(|s| *s))
            .map(|w| (w, self.worlds.snapshot(w)))
            .collect();
        let mut outcome = self.worlds.step(&self.bounds)?;
        for (w, place) in &standing {
            self.worlds.put_back(*w, place);
            outcome.nothing_in(*w, n);
        }
        // Nobody learns from a price that clears nothing.
        if let Some(error) = self.worlds.counts.not_cleared.iter().find_map(|m| m.error()) {
            return Err(error);
        }
        let stops: Vec<bool> = (0..n)
            .map(|w| {
                !outcome.ended[w]
                    && !self.still.get(w).is_some_and(|s| *s)
                    && self.periods.is_some_and(|p| self.worlds.period()[w] >= p)
            })
            .collect();
        for p in &mut self.places {
            p.pay(&self.worlds, &outcome)?;
            p.end(&outcome, &stops);
        }
        if (0..n).any(|w| outcome.ended[w] || stops[w]) {
            let ended: Vec<bool> = (0..n)
                .map(|w| outcome.ended[w] || self.places.iter().any(|p| p.cut_off(w)))
                .collect();
            for p in &mut self.places {
                p.keep_last(&self.worlds)?;
            }
            self.worlds.restart(&ended)?;
        }
        self.others.forget(&self.worlds, &outcome);
        self.places.iter_mut().for_each(SeatPlace::close);
        Ok(())
    }

    /// Learners stop at a reward that is no number; the driver then shows why it is none.
    fn note(&mut self, result: Result<(), Diagnostic>) {
        if let Err(why) = result {
            self.failure.get_or_insert(why);
            self.places.iter_mut().for_each(SeatPlace::broken);
            // Everybody is told, at whatever stage the worlds stopped.
            self.turn = (0..self.places.len()).collect();
        }
    }
}

impl Game for Vectorised {
    fn seats(&self) -> &[Seat] {
        &self.seats
    }
    fn reset(&mut self, seed: u64) {
        self.places.iter_mut().for_each(SeatPlace::reset);
        // What stopped the worlds before stays to be told: starting again does not mend it.
        if let Err(why) = self.worlds.reseed(seed).and_then(|()| self.begin()) {
            self.failure.get_or_insert(why);
        }
    }
    fn turn(&self) -> &[usize] {
        &self.turn
    }
    fn seen(&self, seat: usize) -> Seen<'_> {
        self.places[seat].seen()
    }
    fn act(&mut self, seat: usize, actions: &Actions) {
        let done = self.places[seat].choose(&mut self.worlds, &self.bounds, actions);
        self.note(done);
    }
    fn proceed(&mut self) {
        let done = self.next_stage().and_then(|()| self.enter());
        self.note(done);
    }
    fn told(&self, seat: usize) -> Option<Told<'_>> {
        self.places[fault!("game.told_of_another", (seat + 1) % self.places.len(), seat)].told()
    }
    fn take_returns(&mut self, seat: usize) -> Vec<f64> {
        self.places[seat].take_returns()
    }
    fn save_state(&self) -> Vec<u8> {
        let stored = Stored {
            worlds: self.worlds.save(),
            places: self.places.iter().map(SeatPlace::save).collect(),
            bounds: self.bounds.clone(),
            stage: self.stage,
        };
        // Writing plain numbers to a vector cannot fail; an empty one is refused when it is read.
        postcard::to_stdvec(&stored).unwrap_or_default()
    }
    fn load_state(&mut self, bytes: &[u8]) -> Result<(), String> {
        let stored: Stored = postcard::from_bytes(bytes).map_err(|e| format!("the worlds are damaged ({e})"))?;
        let fits = stored.places.len() == self.places.len()
            && stored.places.iter().zip(&self.places).all(|(s, p)| p.fits(s))
            && self.places.iter().any(|p| p.interface.stage == stored.stage);
        if !fits {
            return Err("the worlds are of another number or shape".into());
        }
        self.worlds.load(&stored.worlds)?;
        for (place, now) in self.places.iter_mut().zip(stored.places) {
            place.load(now);
        }
        self.bounds = stored.bounds;
        self.stage = stored.stage;
        self.turn = self.at_this_stage();
        Ok(())
    }
}

#[cfg(test)]
#[path = "vector_tests.rs"]
mod tests;
