//! Metrics of a sweep in the text format of Prometheus, for the node exporter's textfile collector.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>. No label's value comes from outside.

use std::io::{self, Write};

use super::Report;

/// Writes the metrics; nothing for a report that no sweep made.
///
/// # Errors
/// What `out` refuses.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Some(sweep) = &report.sweep else { return Ok(()) };
    let states: Vec<_> = sweep
        .states
        .iter()
        .map(|(state, count)| (format!("{{state=\"{}\"}}", state.name()), *count as f64))
        .collect();
    gauge(out, "keysieve_findings", "Findings that the state knows", &states)?;
    let plain = |value: f64| [(String::new(), value)];
    let coverage = &report.coverage;
    for (name, help, value) in [
        ("keysieve_sweep_number", "Number of the sweep", sweep.number as f64),
        ("keysieve_sweep_whole", "1 if the sweep came to its end", f64::from(u8::from(sweep.whole))),
        ("keysieve_sweep_files_read", "Files that the last run read", coverage.files as f64),
        ("keysieve_sweep_files_unchanged", "Files that the last run did not read", sweep.unchanged as f64),
        (
            "keysieve_sweep_bytes",
            "Bytes that the last run scanned, unpacked ones included",
            coverage.bytes as f64,
        ),
        ("keysieve_gaps", "Places that are known and could not be read", sweep.gaps as f64),
        ("keysieve_sweep_duration_seconds", "How long the last run took", report.duration.as_secs_f64()),
        ("keysieve_sweep_clock_seconds", "The clock of the last run", report.now as f64),
    ] {
        gauge(out, name, help, &plain(value))?;
    }
    Ok(())
}

fn gauge(out: &mut dyn Write, name: &str, help: &str, values: &[(String, f64)]) -> io::Result<()> {
    writeln!(out, "# HELP {name} {help}.\n# TYPE {name} gauge")?;
    values.iter().try_for_each(|(labels, value)| writeln!(out, "{name}{labels} {value}"))
}
