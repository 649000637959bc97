//! What a command has to say as the files of a run directory.

use super::content::Content;
use super::html;
use super::npy::{long_form, npz};
use super::store::RunDirectory;
use crate::diag::Diagnostic;

impl Content {
    /// Writes everything into a run directory: `report.html`, `certificate.csv`, for each set of functions `.npz` and
    /// `.csv`, tables as `.csv`, pictures as `plots/*.svg`, the drawing as `model.svg`, diagnostics as `.json`.
    ///
    /// # Errors
    /// E0951, E0958, E0959.
    pub fn write(&self, run: &mut RunDirectory) -> Result<(), Diagnostic> {
        if !self.certificate.is_empty() {
            run.write_with("certificate.csv", |w| self.certificate_table().write_csv(w))?;
        }
        for set in &self.functions {
            run.write(&format!("{}.npz", set.stem), &npz(&set.functions)?)?;
            let table = long_form(&set.functions)?;
            run.write_with(&format!("{}.csv", set.stem), |w| table.write_csv(w))?;
        }
        for table in &self.tables {
            run.write_with(&format!("{}.csv", table.stem), |w| table.table.write_csv(w))?;
        }
        let mut plots = Vec::new();
        for named in &self.pictures {
            let drawn = named.picture.drawn()?;
            run.write(&format!("plots/{}.svg", named.stem), drawn.svg.as_bytes())?;
            plots.push((named.stem.clone(), drawn));
        }
        if let Some(drawing) = &self.drawing {
            run.write("model.svg", drawing.to_svg(false).as_bytes())?;
        }
        for (name, bytes) in &self.files {
            run.write(name, bytes)?;
        }
        if !self.diagnostics.is_empty() {
            let text = serde_json::to_string_pretty(&self.diagnostics)
                .map_err(|e| Diagnostic::error("E0951", "the diagnostics cannot be written").note(e.to_string()))?;
            run.write("diagnostics.json", text.as_bytes())?;
        }
        let page = html::page(self, &plots, run.manifest());
        run.write("report.html", page.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use crate::report::content::tests::sample;
    use crate::report::store::{Manifest, RunDirectory, RunPlace, Status, open_complete};

    #[test]
    fn a_run_holds_every_file_and_json_reads() {
        let root = tempfile::tempdir().unwrap();
        let place = RunPlace::Numbered {
            root: root.path().into(),
            name: "growth".into(),
        };
        let manifest = Manifest::new(vec!["econc".into()], "growth.econ", b"", 1, "2025-01-01T00:00:00Z");
        let mut run = RunDirectory::create(place, manifest).unwrap();
        let content = sample();
        content.write(&mut run).unwrap();
        let done = run.finish(Status::Complete, None, 0.1).unwrap();
        let names: Vec<String> = open_complete(&done)
            .unwrap()
            .manifest
            .files
            .into_iter()
            .map(|f| f.name)
            .collect();
        assert_eq!(
            names,
            [
                "certificate.csv",
                "diagnostics.json",
                "moments.csv",
                "plots/policy-c.svg",
                "report.html",
                "solution.csv",
                "solution.npz"
            ]
        );
        let json = content.to_json();
        assert_eq!(json["certificate"][0]["pass"], true);
        assert_eq!(json["tables"]["moments"]["mean"][0], 5.1234);
    }
}
