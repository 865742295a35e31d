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
/// four digits of a security code that follow after `|`, `:` or `/`), the password half of `mail:password` pairs, and what
/// follows "password:" in three languages. Where a text lists stolen data (two such pairs or rows, or one in a text that
/// speaks of a leak), the names of the mail addresses and the telephone numbers of its rows are hidden as well: they are
/// victims', not contacts.
///
/// The result has exactly as many code points as `text`.
pub fn mask_secrets(text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    mask_cards(&mut chars);
    mask_labelled(&mut chars);
    let mut victims = mask_passwords(&mut chars);
    let rows = rows(&chars);
    let leaked = victims.len() + rows.len() > 1 || victims.len() + rows.len() == 1 && speaks_of_leak(text);
    if leaked {
        for row in rows {
            mask_phones(&mut chars[row.clone()]);
            victims.extend(row.filter(|&i| chars[i] == '@'));
        }
        for at in victims {
            mask_name(&mut chars, at);
        }
    }
    chars.into_iter().collect()
}

/// Words of which one says that data was stolen. In small letters.
const LEAK: [&str; 18] = [
    "leak",
    "dump",
    "combo",
    "breach",
    "stolen",
    "database",
    "fullz",
    "слив",
    "слит",
    "утечк",
    "база",
    "базы",
    "дамп",
    "脱库",
    "泄露",
    "数据库",
    "裤子",
    "社工",
];

fn speaks_of_leak(text: &str) -> bool {
    let lower = text.to_lowercase();
    LEAK.iter().any(|w| lower.contains(w))
}

/// Lines that are rows of a table with a mail address: two separators of one kind or more.
fn rows(chars: &[char]) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in (0..=chars.len()).filter(|&i| i == chars.len() || chars[i] == '\n') {
        let line = &chars[start..end];
        let table = ['|', ';', '\t', ','].iter().any(|s| line.iter().filter(|c| *c == s).count() > 1);
        // Prose has commas as well, but blanks behind them.
        let tight = line.iter().filter(|c| **c == ' ').count() * 8 < line.len();
        if table && tight && line.contains(&'@') {
            found.push(start..end);
        }
        start = end + 1;
    }
    found
}

/// Hides the name of a mail address but for its first letter.
fn mask_name(chars: &mut [char], at: usize) {
    let mut start = at;
    while start > 0
        && (chars[start - 1].is_alphanumeric() || matches!(chars[start - 1], '.' | '_' | '-' | '+' | '•'))
    {
        start -= 1;
    }
    if start + 1 < at {
        chars[start + 1..at].fill('•');
    }
}

/// Hides all but the last two digits of numbers of 10 to 15 digits.
fn mask_phones(chars: &mut [char]) {
    let mut i = 0;
    while i < chars.len() {
        if !chars[i].is_ascii_digit() || i > 0 && (chars[i - 1].is_alphanumeric() || chars[i - 1] == '•') {
            i += 1;
            continue;
        }
        let mut digits = Vec::new();
        let mut end = i;
        while end < chars.len()
            && (chars[end].is_ascii_digit() || matches!(chars[end], ' ' | '-' | '(' | ')'))
        {
            if chars[end].is_ascii_digit() {
                digits.push(end);
            }
            end += 1;
        }
        if (10..=15).contains(&digits.len())
            && !chars.get(end).is_some_and(|c| c.is_alphanumeric() || *c == '•')
        {
            for &place in &digits[..digits.len() - 2] {
                chars[place] = '•';
            }
        }
        i = end.max(i + 1);
    }
}

/// Hides the word behind "password:".
fn mask_labelled(chars: &mut [char]) {
    const LABELS: [&str; 7] = ["password", "passwd", "пароль", "密码", "口令", "pwd", "пасс"];
    let mut i = 0;
    while i < chars.len() {
        let matches = |label: &&&str| {
            let mut at = i;
            label.chars().all(|c| {
                let same = chars.get(at).is_some_and(|x| x.to_lowercase().eq(std::iter::once(c)));
                at += 1;
                same
            })
        };
        let Some(label) = LABELS.iter().find(matches) else {
            i += 1;
            continue;
        };
        let mut at = i + label.chars().count();
        while chars.get(at) == Some(&' ') {
            at += 1;
        }
        if !matches!(chars.get(at), Some(':' | '：' | '=')) {
            i += 1;
            continue;
        }
        at += 1;
        while chars.get(at) == Some(&' ') {
            at += 1;
        }
        let mut end = at;
        while end < chars.len()
            && !chars[end].is_whitespace()
            && !matches!(chars[end], '|' | '，' | '。' | '<')
        {
            end += 1;
        }
        let location = chars[at..end].starts_with(&['h', 't', 't', 'p']);
        if end - at >= 4 && !location {
            chars[at..end].fill('•');
        }
        i = end.max(i + 1);
    }
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

/// Returns where the at signs of the pairs stand.
fn mask_passwords(chars: &mut [char]) -> Vec<usize> {
    let mut pairs = Vec::new();
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
                pairs.push(i);
            }
            end = stop;
        }
        i = end.max(i + 1);
    }
    pairs
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
        check("Пароль: qwerty77 и password: see below", "Пароль: •••••••• и password: see below");
    }

    #[test]
    fn victims_of_leaks_are_hidden() {
        check(
            "ann@mail.example:Secret12\njoe@mail.example:Passw0rd",
            "a••@mail.example:••••••••\nj••@mail.example:••••••••",
        );
        check(
            "слив базы:\nIvan,ivan.p@mail.example,+79001234567,1980",
            "слив базы:\nIvan,i•••••@mail.example,+•••••••••67,1980",
        );
        check(
            "contact joe@mail.example, ann@mail.example, or +79001234567",
            "contact joe@mail.example, ann@mail.example, or +79001234567",
        );
    }
}
