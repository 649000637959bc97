//! Economies with a continuum of members: stationary equilibria against numbers that others computed.

use econc::check::model::Model;
use econc::solve::continuum::population::Population;
use econc::solve::continuum::stationary::Stationary;
use econc::solve::economy::Economy;
use econc::solve::equilibrium::{EquilibriumMethod, Found};
use econc::solve::progress::silent;
use std::fs;
use std::path::Path;

/// Compiles a model of the folder with parameters and settings set.
fn compile(name: &str, set: &[(&str, &str)]) -> Model {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(name);
    let source = fs::read_to_string(file.with_extension("econ")).expect("a model");
    let mut options = econc::Options::default();
    for (key, value) in set {
        options.set.push((key.to_string(), value.to_string()));
    }
    let (model, diagnostics) = econc::compile(&source, &options);
    model.unwrap_or_else(|| panic!("{name}: {diagnostics:?}"))
}

/// The equilibrium, before it is judged.
fn found(model: &Model) -> Found {
    let economy = Economy::of(model).unwrap_or_else(|d| panic!("{d:?}"));
    Stationary
        .solve(&economy, 1, &mut silent)
        .unwrap_or_else(|d| panic!("{}: {d:?}", model.name))
}

fn price(p: &Population, name: &str) -> f64 {
    let found = p.prices.iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("{name}: {:?}", p.prices)).1
}

/// Aiyagari (1994): the net interest rate in per cent with chains of 7 and of 15 states, from an endogenous grid of 3000 nodes and a
/// histogram, to three ten-thousandths.
const CELLS: [(&str, &str, &str, f64, f64); 4] = [
    ("0.2", "0", "1", 4.1469, 4.1469),
    ("0.2", "0.6", "3", 3.9130, 3.9119),
    ("0.4", "0.3", "5", 3.0584, 3.0459),
    ("0.4", "0.9", "5", 0.7268, 0.6712),
];

fn cells_with(chain: &str, exact: impl Fn(&(&str, &str, &str, f64, f64)) -> f64) {
    for cell in &CELLS {
        let set = [("sd", cell.0), ("rho", cell.1), ("mu", cell.2), ("chain.z", chain)];
        let found = found(&compile("aiyagari", &set));
        let population = found.population.expect("a population");
        let r = 100.0 * price(&population, "factors.r");
        assert!((r - exact(cell)).abs() < 1e-3, "{cell:?} with {chain}: {r}");
        assert!(population.residual < 1e-9 && population.top < 1e-7 && population.excess < 1e-7);
    }
}

#[test]
fn four_cells_of_aiyagari_with_seven_states() {
    cells_with("rouwenhorst(7)", |c| c.3);
}

#[test]
fn four_cells_of_aiyagari_with_fifteen_states() {
    cells_with("rouwenhorst(15)", |c| c.4);
}

#[test]
fn the_bond_price_of_huggett_at_four_limits() {
    for (limit, q) in [
        ("-2", 1.012_783_6),
        ("-4", 0.998_003_3),
        ("-6", 0.995_029_1),
        ("-8", 0.994_109_8),
    ] {
        let found = found(&compile("huggett", &[("limit", limit)]));
        let population = found.population.expect("a population");
        let got = price(&population, "bonds.q");
        assert!((got - q).abs() < 1e-6, "limit {limit}: {got} for {q}");
        assert!(population.spread[0].mean.abs() < 1e-4, "bonds are in zero net supply");
    }
}

#[test]
fn a_price_without_an_equilibrium_in_its_range_is_refused() {
    // At these prices everybody saves.
    let model = compile("huggett", &[]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/huggett.econ");
    let source = fs::read_to_string(file)
        .expect("a model")
        .replace("[0.97, 1.04]", "[0.97, 1]");
    let (narrow, _) = econc::compile(&source, &econc::Options::default());
    let narrow = narrow.expect("a model");
    let economy = Economy::of(&narrow).expect("an economy");
    let refused = Stationary
        .solve(&economy, 1, &mut silent)
        .err()
        .expect("no equilibrium");
    assert!(refused.iter().any(|d| d.code == "E0973"), "{refused:?}");
    assert!(Stationary.fits(&Economy::of(&model).expect("an economy")).is_ok());
}
