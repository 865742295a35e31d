//! Hides payment cards and passwords in what is shown. Each hidden character becomes one `•`, so offsets stay true.

/// Keeps the first six and the last four digits of a card number, as PCI DSS 3.4 allows, and hides the others.
///
/// ```
/// assert_eq!(tm_model::mask_card("4111 1111 1111 1111"), "4111 11•• •••• 1111");
/// ```
pub fn mask_card(number: &str) -> String {
    let digits = number.chars().filter(char::is_ascii_digit).count();
    let mut seen = 0;
    number
        .chars()
        .map(|c| {
            if !c.is_ascii_digit() {
                return c;
            }
            seen += 1;
            if seen > 6 && seen + 4 <= digits { '•' } else { c }
        })
        .collect()
}

/// Hides card numbers (13 to 19 digits that pass the Luhn check, blanks and hyphens allowed inside, with the three or
/// four digits of a security code that follow after `|`, `:` or `/`) and the password half of `mail:password` pairs.
///
/// The result has exactly as many code points as `text`.
pub fn mask_secrets(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    mask_cards(&mut chars);
    mask_passwords(&mut chars);
    chars.into_iter().collect()
}

fn mask_cards(chars: &mut [char]) {
    let mut i = 0;
    while i < chars.len() {
        if !chars[i].is_ascii_digit() || (i > 0 && chars[i - 1].is_ascii_alphanumeric()) {
            i += 1;
            continue;
        }
        let mut places = Vec::new();
        let mut j = i;
        while j < chars.len() && places.len() <= 19 {
            if chars[j].is_ascii_digit() {
                places.push(j);
            } else if !(matches!(chars[j], ' ' | '-') && chars.get(j + 1).is_some_and(char::is_ascii_digit)) {
                break;
            }
            j += 1;
        }
        let digits: Vec<u32> = places.iter().filter_map(|&p| chars[p].to_digit(10)).collect();
        // "4111…1111 25 $": digits that follow a blank need not belong to the number, so shorter prefixes are tried.
        let length = (13..=digits.len().min(19)).rev().find(|&n| {
            let end = places[n - 1] + 1;
            luhn(&digits[..n]) && !chars.get(end).is_some_and(char::is_ascii_alphanumeric)
        });
        let Some(length) = length.filter(|_| matches!(digits.first(), Some(2..=6))) else {
            i = j.max(i + 1);
            continue;
        };
        for &place in &places[6..length - 4] {
            chars[place] = '•';
        }
        i = mask_code(chars, places[length - 1] + 1);
    }
}

/// Hides the security code in `|12|28|123` or `:123` behind a card number; returns where reading goes on.
fn mask_code(chars: &mut [char], mut i: usize) -> usize {
    while i < chars.len() && matches!(chars[i], '|' | ':' | '/') {
        let start = i + 1;
        let mut end = start;
        while end < chars.len() && chars[end].is_ascii_digit() {
            end += 1;
        }
        if end - start == 3 || (end - start == 4 && !matches!(chars[start..end], ['2', '0', ..])) {
            chars[start..end].fill('•');
        }
        if end == start {
            break;
        }
        i = end;
    }
    i
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, &d)| if i % 2 == 0 { d } else { (d * 2) / 10 + (d * 2) % 10 })
        .sum();
    sum.is_multiple_of(10)
}

fn mask_passwords(chars: &mut [char]) {
    let mut i = 0;
    while i < chars.len() {
        if chars[i] != '@' {
            i += 1;
            continue;
        }
        let name = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        let has_user = i > 0 && name(chars[i - 1]);
        let mut end = i + 1;
        while end < chars.len() && name(chars[end]) {
            end += 1;
        }
        let has_dot = chars[i + 1..end].contains(&'.');
        if has_user && has_dot && matches!(chars.get(end), Some(':' | ';' | '|')) {
            let start = end + 1;
            let mut stop = start;
            while stop < chars.len() && !chars[stop].is_whitespace() && chars[stop] != '|' {
                stop += 1;
            }
            // A port or a path after host names is no password: jabber ids and urls look like this.
            let body = &chars[start..stop];
            if body.len() >= 4 && !body.starts_with(&['/', '/']) {
                chars[start..stop].fill('•');
            }
            end = stop;
        }
        i = end.max(i + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let masked = mask_secrets(text);
        assert_eq!(masked, expect);
        assert_eq!(masked.chars().count(), text.chars().count());
    }

    #[test]
    fn cards_are_hidden() {
        check("card 4111111111111111|12|28|123 ok", "card 411111••••••1111|12|28|••• ok");
        check("5555-5555-5555-4444 25 $", "5555-55••-••••-4444 25 $");
        check("卡4242424242424242。", "卡424242••••••4242。");
    }

    #[test]
    fn other_numbers_stay() {
        check("1750239000 and 4111111111111112", "1750239000 and 4111111111111112");
        check("sha 4111111111111111a", "sha 4111111111111111a");
    }

    #[test]
    fn passwords_of_combos_are_hidden() {
        check("joe@mail.example:Secret12 next", "joe@mail.example:•••••••• next");
        check("write to joe@mail.example: now", "write to joe@mail.example: now");
    }
}
