//! Indicators at line rate: a generated corpus of forum posts with planted indicators and look-alikes, precision and recall
//! a type, and throughput of one thread in processor time, as posts and as texts of a megabyte.
//!
//! ```text
//! cargo bench -p tm-extract --bench indicators                      # 20 MB
//! cargo bench -p tm-extract --bench indicators -- --mb 50           # another size
//! cargo bench -p tm-extract --bench indicators -- --write FILE      # the corpus with its truth, for other tools
//! ```
//!
//! Six of ten posts are English, two Russian, two Chinese. A post holds an indicator or a look-alike about every 500 bytes;
//! indicators are defanged in one case of three in the ways seen on forums, and stand in prose, in lists, in quotes,
//! glued to Chinese and Cyrillic words. Everything is drawn from a fixed seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use bech32::{Fe32, hrp::Hrp};
use sha3::{Digest, Keccak256, Sha3_256};
use std::collections::BTreeMap;
use std::io::Write;
use std::time::Instant;
use tm_extract::Rules;

/// A generator of equally distributed numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
    fn from(&mut self, alphabet: &str, n: usize) -> String {
        let a = alphabet.as_bytes();
        (0..n).map(|_| a[self.below(a.len())] as char).collect()
    }
    fn bytes(&mut self, n: usize) -> Vec<u8> {
        (0..n).map(|_| self.next() as u8).collect()
    }
}

const EN: [&str; 24] = [
    "selling fresh logs from the last two weeks, mostly EU traffic, escrow accepted.",
    "Thanks for sharing mate, works like a charm on my box.",
    "Does anyone know if the panel survives a reboot? Mine drops after 10 minutes...",
    "I would not trust this vendor, no vouches and no escrow.",
    "First, open the config and set the port; then restart the service.",
    "the loader writes itself to the user folder and adds a run key",
    "bump",
    "Price is negotiable. PM me, serious buyers only!!!",
    "He got banned in 2021 for scamming three people (see the old thread).",
    "You need at least 4 GB of RAM and a recent kernel, otherwise it crashes.",
    "Tested against the usual suspects, detection rate was 3/71 yesterday.",
    "anyone has a working proof of concept? i only found the advisory.",
    "We moved. The old place is gone, do not use it any more.",
    "Re: your question: yes, it works with proxies, no, it does not need admin.",
    "If you are new here read the rules first, then introduce yourself.",
    "Quality stuff as always, +rep.",
    "lol what a mess, who even codes like that",
    "The update fixes two bugs & adds support for headless mode.",
    "My English is not so good but i try to explain: you run it, you wait, you get the file.",
    "Looking for a partner with experience in spreading, split 50/50.",
    "It was down for 3 hours on Friday; the admin said it was maintenance.",
    "Do NOT run this on your main machine.",
    "any update on this? been waiting for days",
    "great tutorial, part 2 please",
];
const RU: [&str; 16] = [
    "Продаю свежие логи, работаю через гаранта, первый контакт в личку.",
    "Спасибо, всё завелось с первого раза.",
    "Кто-нибудь проверял этого продавца? Отзывов нет совсем.",
    "После перезагрузки не стартует, что делать?",
    "Цена договорная, торг уместен, школьников прошу не беспокоить.",
    "Апну тему, ещё актуально.",
    "Сервер лежал три часа, админ сказал профилактика.",
    "Сначала читаем правила, потом задаём вопросы.",
    "Кинул на деньги двоих, не работайте с ним.",
    "Нужен человек с опытом, оплата по факту.",
    "Детектов на вчера было три из семидесяти.",
    "Ставишь порт в конфиге, перезапускаешь службу, и всё.",
    "тс, отпишись в лс",
    "Обновил билд, поправил пару багов.",
    "Сам не пробовал, но говорят работает.",
    "Переехали, старый адрес больше не используем.",
];
const ZH: [&str; 16] = [
    "出最新数据，量大价优，支持中介担保。",
    "感谢楼主分享，已经测试可用。",
    "有人知道重启之后还能不能上线吗？我的总是掉。",
    "这个人不靠谱，没有担保不要交易。",
    "先改配置文件里的端口，再重启服务就可以了。",
    "顶一下，帮楼主顶。",
    "服务器昨天挂了三个小时，说是在维护。",
    "新人请先看版规，再发帖提问。",
    "价格可以谈，诚心要的私聊。",
    "更新了一下，修了两个问题，加了新的功能。",
    "求一个能用的工具，之前那个失效了。",
    "免杀效果还行，昨天测的只有三个报毒。",
    "老地址不用了，大家换新的吧。",
    "有没有一起做的，五五分。",
    "骗子，已经骗了两个人了。",
    "教程写得不错，期待下一篇。",
];
const WORDS: [&str; 24] = [
    "panel", "gate", "cdn", "mail", "update", "static", "api", "pay", "secure", "login", "shop", "dark",
    "cloud", "files", "host", "proxy", "market", "dump", "root", "shell", "green", "wolf", "nord", "vpn",
];
const TLDS: [&str; 18] = [
    "com", "net", "org", "ru", "cn", "info", "biz", "top", "xyz", "io", "com.cn", "co.uk", "su", "cc", "to",
    "shop", "online", "site",
];
const BASE58: &str = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

fn base58check(version: &[u8], d: &mut Dice) -> String {
    bs58::encode([version, &d.bytes(20)].concat()).with_check().into_string()
}

fn xmr(d: &mut Dice) -> String {
    let mut data = vec![0x12];
    data.extend(d.bytes(64));
    data.extend(&Keccak256::digest(&data)[..4].to_vec());
    let alphabet = BASE58.as_bytes();
    data.chunks(8)
        .map(|block| {
            let size = if block.len() == 8 { 11 } else { 7 };
            let mut n = block.iter().fold(0u128, |n, b| n << 8 | u128::from(*b));
            let mut out = vec![b'1'; size];
            for slot in out.iter_mut().rev() {
                *slot = alphabet[(n % 58) as usize];
                n /= 58;
            }
            String::from_utf8(out).unwrap()
        })
        .collect()
}

fn onion(d: &mut Dice) -> String {
    let key = d.bytes(32);
    let mut h = Sha3_256::new();
    h.update(b".onion checksum");
    h.update(&key);
    h.update([3]);
    let sum = h.finalize();
    let all = [key.as_slice(), &sum[..2], &[3]].concat();
    let (mut out, mut buffer, mut bits) = (String::new(), 0u32, 0);
    for b in all {
        buffer = buffer << 8 | u32::from(b);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            out.push(b"abcdefghijklmnopqrstuvwxyz234567"[(buffer >> bits & 31) as usize] as char);
        }
    }
    out + ".onion"
}

fn eth(d: &mut Dice) -> String {
    let lower = d.from("0123456789abcdef", 40);
    let hash = Keccak256::digest(lower.as_bytes());
    let mixed: String = lower
        .chars()
        .enumerate()
        .map(|(i, c)| if (hash[i / 2] >> (4 * (1 - i % 2)) & 15) >= 8 { c.to_ascii_uppercase() } else { c })
        .collect();
    format!("0x{mixed}")
}

fn card(d: &mut Dice) -> String {
    let mut digits = ["4", "51", "55", "2221"][d.below(4)].to_owned();
    while digits.len() < 15 {
        digits.push(char::from(b'0' + d.below(10) as u8));
    }
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(i, b)| {
            let x = u32::from(b - b'0') * if i % 2 == 0 { 2 } else { 1 };
            x / 10 + x % 10
        })
        .sum();
    digits + &((10 - sum % 10) % 10).to_string()
}

fn domain(d: &mut Dice) -> String {
    let mut name = d.pick(&WORDS).to_owned();
    if d.below(2) == 0 {
        name = format!("{name}-{}{}", d.pick(&WORDS), d.below(99));
    }
    if d.below(3) == 0 {
        name = format!("{}.{name}", d.pick(&WORDS));
    }
    format!("{name}{}.{}", d.below(1000), d.pick(&TLDS))
}

fn ipv4(d: &mut Dice) -> String {
    format!("{}.{}.{}.{}", 11 + d.below(200), d.below(256), d.below(256), 1 + d.below(254))
}

const KINDS: [&str; 22] = [
    "ipv4", "domain", "url", "email", "md5", "sha1", "sha256", "sha512", "cve", "btc", "eth", "xmr", "ltc",
    "doge", "trx", "onion", "ipv6", "cidr", "mac", "asn", "card", "telegram",
];

/// Type, normalised value, spelling.
fn indicator(d: &mut Dice) -> (&'static str, String, String) {
    let hex = "0123456789abcdef";
    // Four of ten are addresses and names, as in life.
    let kind = if d.below(10) < 5 { KINDS[d.below(4)] } else { KINDS[4 + d.below(18)] };
    let fang = d.below(3) == 0;
    let dots = |s: &str, d: &mut Dice| {
        let to = d.pick(&["[.]", "(.)", "{.}", "[dot]", " [.] ", "\\.", "[.", " dot "]);
        let last = s.rfind('.').unwrap();
        // All dots, or the last one only.
        if d.below(2) == 0 || to == " dot " {
            s.replace('.', to)
        } else {
            format!("{}{to}{}", &s[..last], &s[last + 1..])
        }
    };
    let value = match kind {
        "ipv4" => ipv4(d),
        "domain" => domain(d),
        "url" => {
            let host = if d.below(5) == 0 { ipv4(d) } else { domain(d) };
            let port = if d.below(6) == 0 { format!(":{}", 1024 + d.below(60000)) } else { String::new() };
            let path = match d.below(4) {
                0 => String::new(),
                1 => format!("/{}/{}.php", d.pick(&WORDS), d.pick(&WORDS)),
                2 => format!("/{}?id={}&k={}", d.pick(&WORDS), d.below(9999), d.from(hex, 8)),
                _ => format!("/{}_(v{}).zip", d.pick(&WORDS), d.below(9)),
            };
            format!("{}://{host}{port}{path}", d.pick(&["http", "https"]))
        }
        "email" => format!("{}.{}{}@{}", d.pick(&WORDS), d.pick(&WORDS), d.below(99), domain(d)),
        "md5" => d.from(hex, 32),
        "sha1" => d.from(hex, 40),
        "sha256" => d.from(hex, 64),
        "sha512" => d.from(hex, 128),
        "cve" => format!("CVE-{}-{}", 2002 + d.below(24), 1000 + d.below(50000)),
        "btc" if d.below(2) == 0 => {
            let program: Vec<u8> = d.bytes(20);
            bech32::segwit::encode(Hrp::parse("bc").unwrap(), Fe32::Q, &program).unwrap()
        }
        "btc" => base58check(&[[0], [5]][d.below(2)], d),
        "eth" => eth(d),
        "xmr" => xmr(d),
        "ltc" => base58check(&[0x30], d),
        "doge" => base58check(&[0x1e], d),
        "trx" => base58check(&[0x41], d),
        "onion" => onion(d),
        "ipv6" => {
            format!("2a0{}:{}::{}", d.below(10), d.from("123456789abcdef", 3), d.from("123456789abcdef", 4))
        }
        "cidr" => format!("{}/{}", ipv4(d), 8 + d.below(24)),
        "mac" => d.bytes(6).iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":"),
        "asn" => format!("AS{}", 1000 + d.below(300_000)),
        "card" => card(d),
        _ => format!("{}_{}{}", d.pick(&WORDS), d.pick(&WORDS), d.below(999)),
    };
    let spelling = match kind {
        "ipv4" | "domain" if fang => dots(&value, d),
        "url" => {
            let mut s = value.clone();
            if fang {
                s = s.replacen("http", d.pick(&["hxxp", "hXXp", "h**p"]), 1);
                if d.below(2) == 0 {
                    s = s.replacen("://", d.pick(&["[:]//", "[://]"]), 1);
                }
                let host = s.find("//").map_or(0, |at| at + 2);
                let end = s[host..].find('/').map_or(s.len(), |at| host + at);
                let dotted = s[host..end].replace('.', d.pick(&["[.]", "(.)", "[dot]"]));
                s = format!("{}{dotted}{}", &s[..host], &s[end..]);
            }
            s
        }
        "email" if fang => {
            let (user, host) = value.split_once('@').unwrap();
            let host = host.replace('.', d.pick(&["[.]", "[dot]", "."]));
            format!("{user}{}{host}", d.pick(&["[at]", "(at)", " [at] ", "[@]", "{at}"]))
        }
        "onion" if fang => value.replace('.', "[.]"),
        "cve" if d.below(4) == 0 => value.to_lowercase(),
        "cve" if d.below(8) == 0 => value.replace('-', "\u{2011}"),
        "md5" | "sha1" | "sha256" if d.below(4) == 0 => value.to_uppercase(),
        "card" if d.below(2) == 0 => {
            value.as_bytes().chunks(4).map(|c| std::str::from_utf8(c).unwrap()).collect::<Vec<_>>().join(" ")
        }
        "telegram" => {
            format!("{}{value}", d.pick(&["tg: @", "telegram @", "t.me/", "https://t.me/", "Telegram: @"]))
        }
        _ => value.clone(),
    };
    let value = match kind {
        "card" => format!("{}••••••{}", &value[..6], &value[12..]),
        _ => value,
    };
    (kind, value, spelling)
}

/// What is written like an indicator and is none.
fn lookalike(d: &mut Dice) -> String {
    let n = |d: &mut Dice, k: usize| d.below(k).to_string();
    match d.below(24) {
        0 => format!("version {}.{}.{}.{}", n(d, 20), n(d, 20), n(d, 9), n(d, 200)),
        1 => format!("v{}.{}.{}", n(d, 20), n(d, 20), n(d, 9)),
        2 => format!(
            "{}.{}",
            d.pick(&WORDS),
            d.pick(&["py", "sh", "rs", "pl", "zip", "md", "exe", "dll", "js", "php"])
        ),
        3 => d
            .pick(&[
                "System.Net",
                "os.path.join",
                "sys.argv",
                "console.log(x)",
                "std::vec",
                "a::b",
                "Node.js",
                "e.g.",
                "i.e.",
            ])
            .to_owned(),
        4 => format!("{:02}.{:02}.20{:02}", 1 + d.below(28), 1 + d.below(12), 10 + d.below(16)),
        5 => format!("{:02}:{:02}:{:02}", d.below(24), d.below(60), d.below(60)),
        6 => format!("${}.{:02}", n(d, 900), d.below(100)),
        7 => format!("git commit {}", d.from("0123456789abcdef", 40)),
        8 => format!("{}.{}.{}.{}", 256 + d.below(700), d.below(900), d.below(300), d.below(300)),
        9 => format!(
            "+7 9{}{} {}-{}-{}",
            n(d, 9),
            n(d, 9),
            100 + d.below(800),
            10 + d.below(89),
            10 + d.below(89)
        ),
        10 => {
            let good = base58check(&[0], d);
            good[..good.len() - 1].to_owned() + if good.ends_with('x') { "y" } else { "x" }
        }
        11 => d.from("abcdefghijklmnopqrstuvwxyz", 40),
        12 => format!("0x{}", d.from("0123456789abcdef", 8)),
        13 => {
            let good = card(d);
            let last = (good.as_bytes()[15] - b'0' + 1 + d.below(9) as u8) % 10;
            format!("{}{last}", &good[..15])
        }
        14 => format!("CVE-{}-{}", 1200 + d.below(300), d.below(99)),
        15 => format!(
            "{}.{}",
            d.pick(&["done", "fixed", "again", "thanks"]),
            d.pick(&["Then", "So", "Next", "Also"])
        ),
        16 => format!("{}@", d.pick(&WORDS)),
        17 => format!("@{}", d.pick(&WORDS)),
        18 => format!("{}/{}", 1 + d.below(70), 71),
        19 => format!(
            "{}.{}.{}",
            d.pick(&WORDS),
            d.pick(&WORDS),
            d.pick(&["append", "init", "getValue", "length"])
        ),
        20 => "1".repeat(32),
        21 => format!(
            "{}-{}-{}",
            d.from("0123456789abcdef", 8),
            d.from("0123456789abcdef", 4),
            d.from("0123456789abcdef", 4)
        ),
        22 => format!("build {}.{}.{}.{}", 10, 0, 19000 + d.below(3000), d.below(900)),
        _ => format!("{}..{}", n(d, 99), n(d, 99)),
    }
}

struct Post {
    text: String,
    /// Type, value, spelling.
    truth: Vec<(&'static str, String, String)>,
}

fn corpus(bytes: usize) -> Vec<Post> {
    let mut d = Dice(7);
    let mut posts = Vec::new();
    let mut size = 0;
    while size < bytes {
        let (lines, glue): (&[&str], bool) = match d.below(10) {
            0..6 => (&EN, false),
            6..8 => (&RU, false),
            _ => (&ZH, true),
        };
        let mut post = Post { text: String::new(), truth: Vec::new() };
        let target = 80 + d.below(1000);
        while post.text.len() < target {
            post.text += lines[d.below(lines.len())];
            post.text += if d.below(3) == 0 { "\n" } else { " " };
            // An indicator or a look-alike about every 450 bytes.
            if d.below(5) == 0 {
                let (lead, tail) = if glue {
                    (
                        *d.pick(&[&"地址", &"用", &"看这个：", &"（", &"样本是"]),
                        *d.pick(&[&"，", &"。", &"这里", &"）", &" "]),
                    )
                } else {
                    (
                        *d.pick(&[&"it is ", &"see ", &"(", &"\"", &"- ", &"адрес ", &"at ", &"<"]),
                        *d.pick(&[&" now", &". ", &", ", &"\n", &"; ", &"! ", &")"]),
                    )
                };
                if d.below(13) < 10 {
                    let (kind, value, spelling) = indicator(&mut d);
                    // A host in words needs blanks around it to be read at all.
                    let (lead, tail) = if spelling.contains(' ') && glue { (" ", " ") } else { (lead, tail) };
                    post.text += lead;
                    post.text += &spelling;
                    post.text += tail;
                    post.truth.push((kind, value, spelling));
                } else {
                    post.text += lead;
                    post.text += &lookalike(&mut d);
                    post.text += tail;
                }
                post.text.push(' ');
            }
        }
        size += post.text.len();
        posts.push(post);
    }
    posts
}

/// Processor time of this thread in seconds, where the system tells it (Linux), else the time that has passed.
fn processor_time(since: Instant) -> f64 {
    std::fs::read_to_string("/proc/thread-self/schedstat")
        .ok()
        .and_then(|s| s.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| since.elapsed().as_secs_f64(), |ns| ns / 1e9)
}

/// Runs three times; the median of the times and the last result.
fn timed<T>(run: impl Fn() -> T) -> (f64, T) {
    let since = Instant::now();
    let mut times = [0.0; 3];
    let mut result = None;
    for time in &mut times {
        let before = processor_time(since);
        result = Some(run());
        *time = processor_time(since) - before;
    }
    times.sort_by(f64::total_cmp);
    (times[1], result.unwrap())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after =
        |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1)).cloned();
    let mb: usize = after("--mb").map_or(20, |n| n.parse().unwrap());
    let posts = corpus(mb * 1_000_000);
    let bytes: usize = posts.iter().map(|p| p.text.len()).sum();
    if let Some(path) = after("--write") {
        let mut out = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
        for (i, p) in posts.iter().enumerate() {
            let truth: Vec<_> =
                p.truth.iter().map(|(t, v, _)| serde_json::json!({"type": t, "value": v})).collect();
            writeln!(out, "{}", serde_json::json!({"id": i, "text": p.text, "truth": truth})).unwrap();
        }
        return;
    }
    let rules = Rules::bundled().unwrap();
    let texts: Vec<&str> = posts.iter().map(|p| p.text.as_str()).collect();
    let (seconds, found) = timed(|| texts.iter().map(|t| rules.find(t)).collect::<Vec<_>>());
    let short = bytes as f64 / 1e6 / seconds;
    println!(
        "{} posts, {:.1} MB: {short:.1} MB/s of one thread's processor time (median of 3)",
        posts.len(),
        bytes as f64 / 1e6
    );
    // The same words as texts of a megabyte.
    let mut long = vec![String::new()];
    for text in &texts {
        if long.last().is_some_and(|l| l.len() > 1_000_000) {
            long.push(String::new());
        }
        let last = long.last_mut().unwrap();
        last.push_str(text);
        last.push('\n');
    }
    let (seconds, _) = timed(|| long.iter().map(|t| rules.find(t).len()).sum::<usize>());
    let rate = bytes as f64 / 1e6 / seconds;
    println!("the same in texts of 1 MB: {rate:.1} MB/s, {:.2} times the time a byte", short / rate);
    let mut tally: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    let mut shown = BTreeMap::<String, usize>::new();
    for (post, hits) in posts.iter().zip(&found) {
        let mut left: Vec<(&str, String)> = hits.iter().map(|h| (h.kind.as_str(), h.value.clone())).collect();
        for (kind, value, spelling) in &post.truth {
            let row = tally.entry(kind).or_default();
            match left.iter().position(|(k, v)| k == kind && v.eq_ignore_ascii_case(value)) {
                Some(at) => {
                    left.swap_remove(at);
                    row[0] += 1;
                }
                None => {
                    row[1] += 1;
                    example(&mut shown, "missed", kind, spelling, &post.text);
                }
            }
        }
        for (kind, value) in left {
            if KINDS.contains(&kind) {
                tally.entry(KINDS.iter().find(|k| **k == kind).unwrap()).or_default()[2] += 1;
                example(&mut shown, "wrong", kind, &value, &post.text);
            }
        }
    }
    let mut all = [0; 3];
    println!("{:10} {:>7} {:>7} {:>7} {:>7}", "type", "planted", "P", "R", "F1");
    for (kind, row) in tally.iter().map(|(k, r)| (*k, *r)).chain([("", [0; 3])]) {
        let row = if kind.is_empty() { all } else { row };
        let [tp, missed, wrong] = row.map(|x| x as f64);
        let (p, r) = (tp / (tp + wrong).max(1.0), tp / (tp + missed).max(1.0));
        println!(
            "{:10} {:7} {p:7.4} {r:7.4} {:7.4}",
            if kind.is_empty() { "all" } else { kind },
            row[0] + row[1],
            2.0 * p * r / (p + r).max(1e-9)
        );
        for i in 0..3 {
            all[i] += row[i];
        }
    }
}

/// Prints the first few of each sort.
fn example(shown: &mut BTreeMap<String, usize>, what: &str, kind: &str, value: &str, text: &str) {
    let n = shown.entry(format!("{what} {kind}")).or_default();
    *n += 1;
    if *n <= 4 && std::env::var_os("SHOW").is_some() {
        let at = text.find(value).unwrap_or(0).saturating_sub(30);
        let around: String =
            text.chars().skip(text[..text.floor_char_boundary(at)].chars().count()).take(140).collect();
        println!("{what} {kind} {value} in …{around}…");
    }
}
