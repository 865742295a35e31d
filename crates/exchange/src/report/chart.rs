//! Charts without a script: SVG for HTML, block characters for Markdown.

use crate::Actor;
use std::fmt::Write;

/// Colours that people with any colour vision tell apart (Okabe and Ito 2008).
const COLOURS: [&str; 6] = ["#0072b2", "#e69f00", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A bar of `width` characters at most for a share of 0 to 1.
pub(super) fn blocks(share: f64, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    let mut out = "█".repeat(eighths / 8);
    let rest = eighths % 8;
    if rest != 0 {
        out.push(EIGHTHS[rest]);
    }
    out
}

/// Bars over time, one stack a label.
pub(super) fn stacked(labels: &[String], rows: &[(String, Vec<u64>)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let (width, height, left, bottom) = (760.0, 190.0, 40.0, 36.0);
    let totals: Vec<u64> = (0..labels.len()).map(|i| rows.iter().map(|r| r.1[i]).sum()).collect();
    let most = totals.iter().copied().max().unwrap_or(1).max(1);
    let step = (width - left) / labels.len() as f64;
    let scale = (height - 10.0) / most as f64;
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"event mentions by month and family\">",
        height + bottom + 22.0
    );
    for (share, text) in [(0.0, 0), (0.5, most / 2), (1.0, most)] {
        let y = height - share * (height - 10.0);
        let _ = write!(
            out,
            "<line x1=\"{left}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\" class=\"grid\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            left - 6.0,
            y + 4.0
        );
    }
    for (i, label) in labels.iter().enumerate() {
        let x = left + i as f64 * step;
        let mut y = height;
        for (k, (name, counts)) in rows.iter().enumerate() {
            let tall = counts[i] as f64 * scale;
            y -= tall;
            if counts[i] > 0 {
                let _ = write!(
                    out,
                    "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{}\"><title>{}: {} {}</title></rect>",
                    x + step * 0.1,
                    step * 0.8,
                    COLOURS[k % COLOURS.len()],
                    escape(label),
                    counts[i],
                    escape(name)
                );
            }
        }
        if i % labels.len().div_ceil(12) == 0 {
            let _ = write!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                x + step / 2.0,
                height + 16.0,
                escape(label)
            );
        }
    }
    for (k, (name, _)) in rows.iter().enumerate() {
        let x = left + k as f64 * 110.0;
        let y = height + bottom + 8.0;
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 10.0,
            COLOURS[k % COLOURS.len()],
            x + 16.0,
            escape(name)
        );
    }
    out.push_str("</svg>");
    out
}

/// The first accounts, each a bar of the named parts that add up to its score.
pub(super) fn parts(actors: &[Actor], n: usize) -> String {
    let top: Vec<&Actor> = actors.iter().filter(|a| a.score > 0.0).take(n).collect();
    let Some(most) = top.iter().map(|a| a.score).reduce(f64::max) else { return String::new() };
    let mut names: Vec<&str> = top.iter().flat_map(|a| a.parts.iter().map(|p| p.0.as_str())).collect();
    names.sort_unstable();
    names.dedup();
    let (width, left, row) = (760.0, 190.0, 22.0);
    let tall = row * top.len() as f64;
    let mut out = format!(
        "<svg viewBox=\"0 0 {width} {:.0}\" role=\"img\" aria-label=\"key accounts by the parts of their score\">",
        tall + 34.0
    );
    for (i, a) in top.iter().enumerate() {
        let y = i as f64 * row;
        let shown: String = a.name.chars().take(24).collect();
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            y + 15.0,
            escape(&shown)
        );
        let mut x = left;
        for (name, value) in a.parts.iter().filter(|p| p.1 > 0.0) {
            let long = value / most * (width - left - 50.0);
            let k = names.iter().position(|n| n == name).unwrap_or(0);
            let _ = write!(
                out,
                "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{long:.1}\" height=\"{:.1}\" fill=\"{}\"><title>{}: {value:.2}</title></rect>",
                y + 3.0,
                row - 6.0,
                COLOURS[k % COLOURS.len()],
                escape(name)
            );
            x += long;
        }
        let _ = write!(out, "<text x=\"{:.1}\" y=\"{:.1}\">{:.2}</text>", x + 6.0, y + 15.0, a.score);
    }
    for (k, name) in names.iter().enumerate() {
        let x = left + k as f64 * 110.0;
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"11\" height=\"11\" fill=\"{}\"/><text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            tall + 14.0,
            COLOURS[k % COLOURS.len()],
            x + 16.0,
            tall + 24.0,
            escape(name)
        );
    }
    out.push_str("</svg>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_share() {
        assert_eq!(blocks(1.0, 4), "████");
        assert_eq!(blocks(0.5, 4), "██");
        assert_eq!(blocks(0.03125, 4), "▏");
        assert_eq!(blocks(-1.0, 4), "");
    }

    #[test]
    fn names_cannot_break_out_of_a_chart() {
        let actor = Actor {
            name: "<script>\"".into(),
            score: 1.0,
            parts: vec![("a".into(), 1.0)],
            ..Actor::default()
        };
        let svg = parts(&[actor], 5);
        assert!(svg.contains("&lt;script&gt;&quot;") && !svg.contains("<script"));
    }
}
