//! An overview as a graph: flows on the left, what they reach on the right; and that as DOT
//! (<https://graphviz.org/doc/info/lang.html>).

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{Entry, Overview, secret_title};
use crate::report::Page;
use crate::report::words::platform;

/// What a flow reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Secret,
    Store,
    Host,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Secret => "hard-coded secret",
            Self::Store => "stored credential",
            Self::Host => "host",
        }
    }

    pub(super) fn colour(self) -> &'static str {
        match self {
            Self::Secret => "#b3261e",
            Self::Store => "#1b6e3c",
            Self::Host => "#1f5fa8",
        }
    }
}

/// Flows, what they reach, and which reaches which, by number.
pub(super) struct Graph {
    pub(super) flows: Vec<(String, bool)>,
    pub(super) reached: Vec<(Kind, String)>,
    pub(super) edges: Vec<(usize, usize)>,
}

impl Graph {
    /// The graph of the first `most` flows.
    pub(super) fn new(page: &Page, overview: &Overview, most: usize) -> Self {
        let (mut flows, mut ways) = (Vec::new(), Vec::new());
        let mut numbers: BTreeMap<(Kind, String), usize> = BTreeMap::new();
        for (index, entry) in overview.flows.iter().take(most).enumerate() {
            flows.push((format!("{} ({})", entry.title(page), platform(entry.about.platform)), entry.leaver));
            for node in nodes(page, entry) {
                numbers.entry(node.clone()).or_default();
                ways.push((index, node));
            }
        }
        numbers.values_mut().enumerate().for_each(|(at, number)| *number = at);
        let edges = ways.iter().filter_map(|(flow, node)| Some((*flow, *numbers.get(node)?))).collect();
        Self { flows, reached: numbers.into_keys().collect(), edges }
    }
}

/// What a flow reaches, each once.
fn nodes(page: &Page, entry: &Entry) -> Vec<(Kind, String)> {
    let secrets = entry.secrets(page).into_iter().map(|it| {
        // Two secrets may look the same: their number tells them apart.
        (Kind::Secret, format!("{} #{}", secret_title(page, it), it + 1))
    });
    let stores = entry
        .references
        .iter()
        .map(|it| (Kind::Store, format!("{} ({})", page.text(&it.name), it.kind.name())));
    let hosts = entry.hosts.iter().map(|host| (Kind::Host, page.text(host)));
    secrets.chain(stores).chain(hosts).collect()
}

pub(super) fn write(page: &Page, overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::new(page, overview, usize::MAX);
    writeln!(out, "digraph keysieve {{\n  rankdir=LR;\n  node [shape=box, fontname=\"sans-serif\"];")?;
    for (index, (title, left)) in graph.flows.iter().enumerate() {
        let mark = if *left { ", style=bold, xlabel=\"owner left\"" } else { "" };
        writeln!(out, "  f{index} [label={}{mark}];", quoted(title))?;
    }
    for (index, (kind, title)) in graph.reached.iter().enumerate() {
        let (title, colour, kind) = (quoted(title), kind.colour(), kind.name());
        writeln!(out, "  r{index} [label={title}, color=\"{colour}\", tooltip=\"{kind}\"];")?;
    }
    for (flow, reached) in &graph.edges {
        writeln!(out, "  f{flow} -> r{reached};")?;
    }
    writeln!(out, "}}")
}

/// A string of DOT: quotes and backslashes, with which its escapes begin, are escaped.
fn quoted(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.split(char::is_control).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_dot() {
        assert_eq!(quoted("a \"b\" \\n\n"), "\"a \\\"b\\\" \\\\n \"");
    }
}
