//! The cheap gate: a linear model over hashed words decides which posts the encoder reads at all.
//!
//! Features are hashed (Weinberger et al. 2009) words and pairs of neighbouring words, and for scripts without blanks
//! single characters and pairs. It errs on the side of reading: its threshold is set by the recall it must keep.

use super::model::{GATE_FEATURES, Model};

/// Slot that holds the bias; no feature hashes there.
pub const GATE_BIAS: usize = 0;

/// Distinct feature slots of a text, ascending.
pub fn gate_features(text: &str) -> Vec<u32> {
    let mut features = Vec::with_capacity(64);
    let mut previous = 0u64;
    let mut word = FNV;
    let mut in_word = false;
    let emit = |hash: u64, previous: &mut u64, features: &mut Vec<u32>| {
        features.push(slot(hash));
        features.push(slot(hash ^ previous.rotate_left(17)));
        *previous = hash;
    };
    // The first thousands of characters decide; a megabyte of paste need not be hashed whole.
    for c in text.chars().take(6000) {
        if is_ideograph(c) {
            if std::mem::take(&mut in_word) {
                emit(word, &mut previous, &mut features);
            }
            emit(step(FNV, c), &mut previous, &mut features);
            word = FNV;
        } else if c.is_alphanumeric() {
            // Digits count as one symbol: prices and counts differ in each post, that there are some is what matters.
            let c = if c.is_ascii_digit() { '0' } else { c.to_lowercase().next().unwrap_or(c) };
            word = step(if in_word { word } else { FNV }, c);
            in_word = true;
        } else if matches!(c, '$' | '€' | '₽' | '¥' | '@' | '%') {
            if std::mem::take(&mut in_word) {
                emit(word, &mut previous, &mut features);
            }
            emit(step(FNV, c), &mut previous, &mut features);
        } else if std::mem::take(&mut in_word) {
            emit(word, &mut previous, &mut features);
        }
    }
    if in_word {
        emit(word, &mut previous, &mut features);
    }
    features.sort_unstable();
    features.dedup();
    features
}

const FNV: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, c: char) -> u64 {
    (hash ^ u64::from(u32::from(c))).wrapping_mul(0x0000_0100_0000_01b3)
}

fn slot(hash: u64) -> u32 {
    let mixed = hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    1 + (mixed % (GATE_FEATURES as u64 - 1)) as u32
}

/// True for characters of scripts that are written without blanks between words.
pub(crate) fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{2fa1f}')
}

/// Score of a text under gate weights: bias plus the sum of its features' weights over the root of their number.
pub fn gate_score(weights: &[f32], features: &[u32]) -> f32 {
    let sum: f32 = features.iter().map(|&f| weights[f as usize]).sum();
    weights[GATE_BIAS] + sum / (features.len().max(1) as f32).sqrt()
}

impl Model {
    /// Probability, by the gate alone, that the encoder should read `text`.
    pub fn gate(&self, text: &str) -> f32 {
        super::math::sigmoid(gate_score(&self.gate, &gate_features(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_ignore_case_and_digits() {
        assert_eq!(gate_features("Sell CVV 12$"), gate_features("sell cvv 99$"));
        assert_ne!(gate_features("sell cvv"), gate_features("cvv sell"));
        // Three characters, the pairs of the second and third, and the first with nothing before it.
        assert_eq!(gate_features("出售料").len(), 5);
        assert!(gate_features("").is_empty());
    }
}
