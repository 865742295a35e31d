//! Checks of wallets, payment cards and bank accounts.

use super::validate::{Candidate, Valid};
use sha3::{Digest, Keccak256};
use tm_model::mask_card;

pub(super) fn base58check(c: &Candidate<'_>, versions: &[u8]) -> Option<Valid> {
    let bytes = bs58::decode(c.words()).with_check(None).into_vec().ok()?;
    (bytes.len() == 21 && versions.contains(&bytes[0])).then(|| c.pass(c.words().to_owned()))?
}

pub(super) fn bech32_address(c: &Candidate<'_>) -> Option<Valid> {
    bech32::segwit::decode(c.words()).ok()?;
    c.pass(c.words().to_lowercase())
}

/// Ethereum: EIP-55 says the case of each letter; all lower or all upper carries no checksum.
pub(super) fn eth(c: &Candidate<'_>) -> Option<Valid> {
    let hex = &c.words()[2..];
    let lower = hex.to_lowercase();
    let hash = Keccak256::digest(lower.as_bytes());
    let checked: String = lower
        .chars()
        .enumerate()
        .map(|(i, ch)| {
            let nibble = if i % 2 == 0 { hash[i / 2] >> 4 } else { hash[i / 2] & 15 };
            if nibble >= 8 { ch.to_ascii_uppercase() } else { ch }
        })
        .collect();
    let mixed = hex.chars().any(|c| c.is_ascii_lowercase()) && hex.chars().any(|c| c.is_ascii_uppercase());
    (!mixed || hex == checked).then(|| c.pass(format!("0x{checked}")))?
}

/// Monero: base58 in blocks of 11 characters for 8 bytes, Keccak-256 checksum of four bytes.
pub(super) fn xmr(c: &Candidate<'_>) -> Option<Valid> {
    let mut bytes = Vec::with_capacity(69);
    for block in c.words().as_bytes().chunks(11) {
        let size = match block.len() {
            11 => 8,
            7 => 5,
            _ => return None,
        };
        let mut n: u128 = 0;
        for &b in block {
            let digit =
                b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".iter().position(|&a| a == b)?;
            n = n * 58 + digit as u128;
        }
        if n >> (8 * size) != 0 {
            return None;
        }
        bytes.extend_from_slice(&n.to_be_bytes()[16 - size..]);
    }
    let (body, sum) = bytes.split_at(bytes.len().checked_sub(4)?);
    (bytes.len() == 69 && Keccak256::digest(body)[..4] == *sum).then(|| c.pass(c.words().to_owned()))?
}

pub(super) fn card(c: &Candidate<'_>) -> Option<Valid> {
    let digits: String = c.words().chars().filter(char::is_ascii_digit).collect();
    let n = digits.len();
    let head = |k: usize| digits[..k].parse::<u32>().unwrap_or(0);
    let issuer = match n {
        13 | 16 | 19 if head(1) == 4 => true,
        16 => {
            (51..=55).contains(&head(2))
                || (2221..=2720).contains(&head(4))
                || head(4) == 6011
                || head(2) == 65
                || (3528..=3589).contains(&head(4))
                || (2200..=2204).contains(&head(4))
                || head(2) == 62
        }
        15 => matches!(head(2), 34 | 37),
        17..=19 => head(2) == 62 || matches!(head(2), 50 | 56..=58 | 63 | 67),
        _ => false,
    };
    let luhn = digits.bytes().rev().enumerate().fold(0u32, |sum, (i, b)| {
        let d = u32::from(b - b'0') * if i % 2 == 1 { 2 } else { 1 };
        sum + d / 10 + d % 10
    });
    (issuer && luhn.is_multiple_of(10) && digits.bytes().any(|b| b != digits.as_bytes()[0]))
        .then(|| c.pass(mask_card(&digits)))?
}

pub(super) fn iban(c: &Candidate<'_>) -> Option<Valid> {
    let value: String = c.words().chars().filter(|c| !c.is_whitespace()).collect();
    if !(15..=34).contains(&value.len()) {
        return None;
    }
    let rest = value[4..].bytes().chain(value[..4].bytes()).try_fold(0u64, |rest, b| match b {
        b'0'..=b'9' => Some((rest * 10 + u64::from(b - b'0')) % 97),
        b'A'..=b'Z' => Some((rest * 100 + u64::from(b - b'A') + 10) % 97),
        _ => None,
    });
    (rest == Some(1)).then(|| c.pass(value))?
}
