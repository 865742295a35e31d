//! Words that set an author apart: log-odds with an informative Dirichlet prior (Monroe, Colaresi, Quinn 2008).

use std::collections::BTreeMap;

/// Word counts.
pub type Counts = BTreeMap<String, u32>;

/// Characters that only glue a Chinese sentence together; a pair that holds one is no keyword.
const GLUE: &str = "的了是我你他她它们在有不就都也和吗吧呢啊这那个一上下么很到要会还说没什怎为可以能去来好多大小人被把给从对于自己让又再才只过得地着而且或及与其之";

fn ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// Words of a text, lower-cased: runs of three or more letters or digits of alphabets, pairs of Chinese characters.
/// Addresses, handles and numbers are left out.
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split_whitespace() {
        if part.contains("://") || part.contains('@') || part.len() > 300 {
            continue;
        }
        let mut run = String::new();
        let mut before: Option<char> = None;
        for c in part.chars().chain([' ']) {
            if ideograph(c) {
                flush(&mut run, &mut found);
                if let Some(b) = before.filter(|b| !GLUE.contains(*b) && !GLUE.contains(c)) {
                    found.push([b, c].iter().collect());
                }
                before = Some(c);
                continue;
            }
            before = None;
            if c.is_alphanumeric() || (c == '\'' && !run.is_empty()) {
                run.extend(c.to_lowercase());
            } else {
                flush(&mut run, &mut found);
            }
        }
    }
    found
}

fn flush(run: &mut String, found: &mut Vec<String>) {
    let word = std::mem::take(run);
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    if (3..=40).contains(&word.chars().count()) && letters * 2 > word.chars().count() {
        found.push(word);
    }
}

/// Counts the posts that hold each word: a word repeated in one post counts once.
pub fn count<'a>(texts: impl IntoIterator<Item = &'a str>) -> Counts {
    let mut counts = Counts::new();
    for text in texts {
        let mut seen = words(text);
        seen.sort_unstable();
        seen.dedup();
        for word in seen {
            *counts.entry(word).or_default() += 1;
        }
    }
    counts
}

/// A word with its z-score of the log-odds ratio and its count.
#[derive(Debug, Clone, PartialEq)]
pub struct Keyword {
    /// The word.
    pub word: String,
    /// z-score; above 1.96 it is rarely chance.
    pub weight: f64,
    /// Posts of the author that hold it.
    pub count: u32,
}

/// The `limit` words that set `own` apart from `background` (which contains it), strongest first.
pub fn keywords(own: &Counts, background: &Counts, limit: usize) -> Vec<Keyword> {
    let total = |c: &Counts| c.values().map(|&n| f64::from(n)).sum::<f64>();
    let (n_own, n_all) = (total(own), total(background).max(1.0));
    // The prior has the weight of as many words as the author wrote, spread as in the background.
    let prior = n_own.max(50.0);
    let n_rest = (n_all - n_own).max(1.0);
    let mut found: Vec<Keyword> = own
        .iter()
        .filter(|(_, n)| **n >= 2 || n_own < 60.0)
        .map(|(word, &n)| {
            let all = f64::from(background.get(word).copied().unwrap_or(n).max(n));
            let (own, rest) = (f64::from(n), all - f64::from(n));
            let a = prior * all / n_all;
            let odds = |x: f64, total: f64| ((x + a) / (total + prior - x - a).max(1e-9)).ln();
            let variance = 1.0 / (own + a) + 1.0 / (rest + a);
            let z = (odds(own, n_own) - odds(rest, n_rest)) / variance.sqrt();
            Keyword { word: word.clone(), weight: (z * 100.0).round() / 100.0, count: n }
        })
        .filter(|k| k.weight > 0.5)
        .collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| a.word.cmp(&b.word)));
    found.truncate(limit);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_three_languages() {
        assert_eq!(words("Selling CVV, https://a.example @me 12345 ok"), ["selling", "cvv"]);
        assert_eq!(words("Продам Логи 15$"), ["продам", "логи"]);
        assert_eq!(words("出售远控的源码"), ["出售", "售远", "远控", "源码"]);
    }

    #[test]
    fn what_is_common_is_no_keyword() {
        let own = count(["selling cvv now", "fresh cvv today", "cvv and thanks"]);
        let rest = count(["thanks", "thanks mate", "thanks now", "today now", "and thanks", "and now"]);
        let mut all = rest;
        for (w, n) in &own {
            *all.entry(w.clone()).or_default() += n;
        }
        let found = keywords(&own, &all, 3);
        assert_eq!(found[0].word, "cvv");
        assert!(!found.iter().any(|k| k.word == "thanks"));
    }
}
