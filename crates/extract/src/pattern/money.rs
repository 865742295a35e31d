//! Amounts of money as people write them in three languages, in full and with the code of the currency.

use super::validate::{Candidate, Valid};

/// Codes (ISO 4217, or the coin's ticker) with the words and signs for them; the first that occurs is meant.
const CURRENCIES: [(&str, &[&str]); 18] = [
    ("USDT", &["usdt"]),
    ("HKD", &["hkd", "hk$", "港币", "港元"]),
    ("USD", &["$", "usd", "бакс", "доллар", "dollar", "buck", "美金", "美元", "刀"]),
    ("EUR", &["€", "eur", "евро", "欧元"]),
    ("RUB", &["₽", "руб", "rub", "卢布", "деревян"]),
    ("GBP", &["£", "gbp"]),
    ("UAH", &["₴", "грн", "гривен", "uah"]),
    ("KZT", &["₸", "тенге"]),
    ("INR", &["₹"]),
    ("JPY", &["日元", "jpy"]),
    ("CNY", &["¥", "￥", "元", "块", "rmb", "cny", "人民币", "юан", "软妹币"]),
    ("XMR", &["xmr"]),
    ("BTC", &["btc", "₿"]),
    ("ETH", &["eth"]),
    ("LTC", &["ltc"]),
    ("TRX", &["trx"]),
    ("RUB", &["р"]),
    ("USDT", &["u"]),
];
/// Words behind a number that multiply it, longer ones first.
const MULTIPLIERS: [(&str, f64); 19] = [
    ("thousand", 1e3),
    ("million", 1e6),
    ("billion", 1e9),
    ("млрд", 1e9),
    ("mln", 1e6),
    ("млн", 1e6),
    ("тыс", 1e3),
    ("kk", 1e6),
    ("кк", 1e6),
    ("百万", 1e6),
    ("bn", 1e9),
    ("k", 1e3),
    ("к", 1e3),
    ("m", 1e6),
    ("万", 1e4),
    ("w", 1e4),
    ("千", 1e3),
    ("亿", 1e8),
    ("百", 1e2),
];

/// Amounts: the number in full, the currency as its ISO 4217 code (or the coin's ticker).
pub(super) fn price(c: &Candidate<'_>) -> Option<Valid> {
    let words = c.words().trim();
    if c.before().is_some_and(|b| b.is_ascii_alphanumeric() || b == '.' || b == ',') {
        return None;
    }
    // A word that goes on is another one: `5 рублей` is money, `5 рублик.example` is not.
    let last = words.chars().next_back()?;
    if last.is_alphabetic()
        && !is_ideograph(last)
        && c.after().is_some_and(|n| n.is_alphabetic() && !is_ideograph(n))
    {
        return None;
    }
    let lower = words.to_lowercase();
    let (code, _) = CURRENCIES.iter().find(|(_, words)| words.iter().any(|w| lower.contains(w)))?;
    let number: String = lower.chars().filter(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).collect();
    let number = number.trim_matches(['.', ',']);
    // A separator with three digits behind it groups thousands; another one starts the fraction.
    let last = number.rfind(['.', ',']);
    let plain = match last {
        Some(at) if number.len() - at - 1 != 3 || number.starts_with('0') => {
            format!("{}.{}", number[..at].replace(['.', ','], ""), &number[at + 1..])
        }
        _ => number.replace(['.', ','], ""),
    };
    let mut amount: f64 = plain.parse().ok()?;
    let digits = lower.trim_start_matches(|c: char| !c.is_ascii_digit());
    let tail = digits.trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ' '));
    if let Some((_, factor)) = MULTIPLIERS.iter().find(|(word, _)| tail.starts_with(word)) {
        amount *= factor;
    }
    if amount <= 0.0 {
        return None;
    }
    // `42U` is a rack outside of Chinese talk about money.
    if *code == "USDT" && !lower.contains("usdt") && (amount < 10.0 || !chinese_around(c)) {
        return None;
    }
    // Thousandths of a coin can be many digits; floating point must not add more.
    let shown = if amount.fract() == 0.0 {
        format!("{amount:.0}")
    } else {
        format!("{amount:.8}").trim_end_matches('0').to_owned()
    };
    Some(Valid {
        start: c.start,
        end: c.start + c.words().trim_end().len(),
        value: format!("{shown} {code}"),
        confidence: 0.95,
    })
}

fn is_ideograph(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}')
}

/// Whether Chinese is written within a dozen characters.
fn chinese_around(c: &Candidate<'_>) -> bool {
    c.text[..c.start].chars().rev().take(12).chain(c.text[c.end..].chars().take(12)).any(is_ideograph)
}

/// Whether what stands at a place behind a number could begin a currency or a word that multiplies.
pub(super) fn money_ahead(text: &str, at: usize) -> bool {
    let b = text.as_bytes();
    let Some(&first) = b.get(at) else { return false };
    if first < 0x80 {
        let second = b.get(at + 1).map_or(0, |c| c | 0x20);
        let second = if second.is_ascii_alphabetic() { second } else { 0 };
        return first == b'$'
            || matches!(
                (first | 0x20, second),
                (b'u', b's' | b'a' | 0)
                    | (b'e', b'u' | b't')
                    | (b'r', b'u' | b'm')
                    | (b'c', b'n')
                    | (b'g', b'b')
                    | (b'x', b'm')
                    | (b'b', b't' | b'u' | b'i' | b'n')
                    | (b'l', b't')
                    | (b'k', 0 | b'k' | b'u' | b'r' | b'e')
                    | (b'm', 0 | b'l' | b'i' | b'u')
                    | (b't', b'h' | b'r')
                    | (b'd', b'o')
                    | (b'h', b'k')
                    | (b'j', b'p')
                    | (b'w', 0 | b'u' | b'r')
            );
    }
    text.get(at..)
        .and_then(|t| t.chars().next())
        .is_some_and(|c| "кКтТмМрРбБдДеЕгГюЮ€£¥￥₽₴₸₹₿万千亿百元块美刀欧卢人港日软".contains(c))
}
