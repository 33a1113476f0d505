//! An overview as one picture (SVG 1.1) that needs nothing else: two columns, lines between.

use std::io::{self, Write};

use super::Overview;
use super::graph::{Graph, Kind};
use crate::report::Page;
use crate::report::paper::shorten;

/// Flows that are drawn: a picture of more is not readable.
const MOST: usize = 200;
/// Sizes in pixels: a row, a box, the space above, and where the right column begins.
const ROW: usize = 32;
const HEIGHT: usize = 24;
const WIDTH: usize = 400;
const TOP: usize = 70;
const MARGIN: usize = 20;
const RIGHT: usize = 680;
/// Columns of text in a box.
const LETTERS: usize = 54;

pub(super) fn write(page: &Page, overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    let graph = Graph::new(page, overview, MOST);
    let order = by_flows(&graph);
    let rows = graph.flows.len().max(graph.reached.len()).max(1);
    let (width, height) = (RIGHT + WIDTH + MARGIN, TOP + rows * ROW + MARGIN);
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    )?;
    legend(overview, out)?;
    let place = |count: usize, at: usize| TOP + (rows - count) * ROW / 2 + at * ROW;
    for (flow, reached) in &graph.edges {
        let Some((&at, (kind, _))) = order.get(*reached).zip(graph.reached.get(*reached)) else { continue };
        let (from, to) = (place(graph.flows.len(), *flow), place(graph.reached.len(), at));
        edge(*kind, from + HEIGHT / 2, to + HEIGHT / 2, out)?;
    }
    for (at, (title, left)) in graph.flows.iter().enumerate() {
        let fill = if *left { "#ffe9a8" } else { "#f2f2f2" };
        node(MARGIN, place(graph.flows.len(), at), title, ("#444", fill), out)?;
    }
    for ((kind, title), at) in graph.reached.iter().zip(&order) {
        node(RIGHT, place(graph.reached.len(), *at), title, (kind.colour(), "#fff"), out)?;
    }
    writeln!(out, "</svg>")
}

/// The row of each thing that is reached: near the flows that reach it, so that few lines cross.
fn by_flows(graph: &Graph) -> Vec<usize> {
    let mut sums = vec![(0_usize, 0_usize); graph.reached.len()];
    for (flow, reached) in &graph.edges {
        if let Some((sum, count)) = sums.get_mut(*reached) {
            (*sum, *count) = (*sum + flow, *count + 1);
        }
    }
    let mut sorted: Vec<_> =
        sums.iter().enumerate().map(|(at, (sum, count))| (sum * 1000 / count.max(&1), at)).collect();
    sorted.sort_unstable();
    let mut rows = vec![0; graph.reached.len()];
    for (row, (_, at)) in sorted.into_iter().enumerate() {
        if let Some(place) = rows.get_mut(at) {
            *place = row;
        }
    }
    rows
}

fn legend(overview: &Overview, out: &mut dyn Write) -> io::Result<()> {
    let more = overview.flows.len().saturating_sub(MOST);
    let more = if more > 0 { format!(", {more} more are not drawn") } else { String::new() };
    let flows = overview.flows.len();
    writeln!(
        out,
        "<text x=\"{MARGIN}\" y=\"30\" font-size=\"16\">Flows: {flows}{more}; yellow: the owner left</text>"
    )?;
    for (at, kind) in [Kind::Secret, Kind::Store, Kind::Host].into_iter().enumerate() {
        let x = RIGHT + at * 140;
        writeln!(out, "<text x=\"{x}\" y=\"30\" fill=\"{}\">\u{25a0} {}</text>", kind.colour(), kind.name())?;
    }
    Ok(())
}

fn edge(kind: Kind, from: usize, to: usize, out: &mut dyn Write) -> io::Result<()> {
    let (begin, middle) = (MARGIN + WIDTH, (MARGIN + WIDTH + RIGHT) / 2);
    let colour = kind.colour();
    writeln!(
        out,
        "<path d=\"M{begin} {from}C{middle} {from} {middle} {to} {RIGHT} {to}\" fill=\"none\" stroke=\"{colour}\" \
         stroke-opacity=\"0.5\"/>"
    )
}

fn node(
    x: usize,
    y: usize,
    title: &str,
    (stroke, fill): (&str, &str),
    out: &mut dyn Write,
) -> io::Result<()> {
    let (text, whole) = (escaped(&shorten(title, LETTERS)), escaped(title));
    let (left, base) = (x + 8, y + 16);
    writeln!(
        out,
        "<g><title>{whole}</title><rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"4\" \
         fill=\"{fill}\" stroke=\"{stroke}\"/><text x=\"{left}\" y=\"{base}\">{text}</text></g>"
    )
}

/// Text of XML. Characters that XML 1.0 (section 2.2) does not know become spaces.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup() {
        assert_eq!(escaped("<a href=\"x\">&\u{1}"), "&lt;a href=&quot;x&quot;&gt;&amp; ");
    }
}
