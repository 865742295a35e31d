//! A MyBB dump as mysqldump writes it, generated, and the speed and memory of reading it to posts on one thread.
//!
//! ```text
//! cargo bench -p tm-collect --bench dump                              # 200 MB
//! cargo bench -p tm-collect --bench dump -- --mb 1000                 # the figure of the README
//! cargo bench -p tm-collect --bench dump -- --mb 1000 --write FILE    # only writes the dump, for `threatminer import FILE`
//! cargo bench -p tm-collect --bench dump -- --read FILE               # reads a dump that is there
//! ```
//!
//! Posts are three quarters of the bytes, in three languages, with quotes, code, links and markup; the rest is what real
//! dumps carry besides: private messages, members with hashes and addresses, sessions, logs. Everything is drawn from a
//! fixed seed.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tm_collect::{Item, Options, open};

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
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len() as u64) as usize]
    }
}

const WORDS: [&str; 18] = [
    "selling fresh logs from the last two weeks, mostly EU traffic, escrow accepted. ",
    "It\\'s the same build as before; detection rate was 3/71 yesterday.\\r\\n",
    "Does anyone know if the panel survives a reboot? Mine drops after 10 minutes... ",
    "You need at least 4 GB of RAM and a recent kernel, otherwise it crashes.\\n",
    "the loader writes itself to C:\\\\Users\\\\Public\\\\a.exe and adds a run key ",
    "The C2 was at 203.0.113.77 port 4443 until last week. ",
    "Price is negotiable. PM me, serious buyers only!!!\\n\\n",
    "I would not trust this vendor, no vouches and no escrow. ",
    "продам свежие логи, гарант приветствуется, пишите в личку. ",
    "Скиньте в лс, у меня не открывается ссылка.\\r\\n",
    "Работает на всех версиях, проверено вчера вечером. ",
    "出售最新远控木马源码，支持担保交易，有意者请加微信联系。",
    "谢谢楼主分享，下载试试看效果怎么样。\\n",
    "[b]Important:[/b] read the [i]rules[/i] first. ",
    "[url=https://drop.example/files/7f3a/build.zip]mirror[/url] ",
    "see https://paste.example/raw/0a1b2c3d for the config\\n",
    "[code]for (int i = 0; i < 10; i++) {\\n    run(\\\"a[i]\\\");\\n}[/code]\\n",
    ":) thanks mate ",
];

const HEAD: &str = "-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)
--
-- Host: localhost    Database: forum
-- ------------------------------------------------------
/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!50503 SET NAMES utf8mb4 */;
";

/// Rows of one table in statements of about a megabyte.
struct Rows<'w, W: Write> {
    out: &'w mut W,
    table: &'static str,
    statement: usize,
    written: u64,
}

impl<'w, W: Write> Rows<'w, W> {
    fn new(out: &'w mut W, table: &'static str, columns: &str) -> Rows<'w, W> {
        let types: Vec<String> = columns.split(' ').map(|c| format!("  `{c}` text NOT NULL")).collect();
        writeln!(
            out,
            "DROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` (\n{}\n) ENGINE=InnoDB;",
            types.join(",\n")
        )
        .unwrap();
        Rows { out, table, statement: 0, written: 0 }
    }
    fn row(&mut self, row: &str) {
        if self.statement == 0 {
            write!(self.out, "INSERT INTO `{}` VALUES ", self.table).unwrap();
        } else {
            self.out.write_all(b",").unwrap();
        }
        self.out.write_all(row.as_bytes()).unwrap();
        self.statement += row.len() + 1;
        self.written += row.len() as u64 + 1;
        if self.statement > 1_000_000 {
            self.end();
        }
    }
    fn end(&mut self) {
        if std::mem::take(&mut self.statement) > 0 {
            self.out.write_all(b";\n").unwrap();
        }
    }
}

fn message(dice: &mut Dice, text: &mut String, post: u64) {
    text.clear();
    if post > 1 && dice.below(4) == 0 {
        let quoted = post - 1 - dice.below(post.min(40) - 1).min(post - 2);
        text.push_str(&format!(
            "[quote=\\\"user{}\\\" pid=\\'{quoted}\\' dateline=\\'1704376597\\']\\n{}[/quote]\\n",
            quoted % 5000,
            dice.pick(&WORDS[..6])
        ));
    }
    // Most posts are short, a few are long.
    let sentences = if dice.below(12) == 0 { 30 + dice.below(60) } else { 1 + dice.below(9) };
    for _ in 0..sentences {
        text.push_str(dice.pick(&WORDS));
    }
}

/// Writes a dump of about so many bytes.
fn write(path: &Path, bytes: u64) {
    let mut out = BufWriter::with_capacity(1 << 20, std::fs::File::create(path).unwrap());
    let mut dice = Dice(7);
    let mut text = String::new();
    out.write_all(HEAD.as_bytes()).unwrap();
    let mut boards = Rows::new(&mut out, "mybb_forums", "fid name type pid parentlist");
    for fid in 1..=20 {
        boards.row(&format!("({fid},'Board {fid}','f',0,'{fid}')"));
    }
    boards.end();
    let posts = bytes * 75 / 100 / 620;
    let mut rows = Rows::new(
        &mut out,
        "mybb_posts",
        "pid tid replyto fid subject icon uid username dateline message ipaddress includesig smilieoff edituid edittime \
         editreason visible",
    );
    let mut post = 0;
    while rows.written < bytes * 75 / 100 {
        post += 1;
        message(&mut dice, &mut text, post);
        let (thread, user) =
            (1 + (post / 16) * 16 % (posts.max(16)) / 16 + dice.below(40), 1 + post * 7 % 5000);
        rows.row(&format!(
            "({post},{thread},0,{},'RE: thread {thread}',0,{user},'user{user}',{},'{text}',0xC0000201,1,0,0,0,'',{})",
            1 + thread % 20,
            1_704_000_000 + post,
            if dice.below(200) == 0 { -1 } else { 1 },
        ));
    }
    rows.end();
    let mut rows =
        Rows::new(&mut out, "mybb_privatemessages", "pmid uid toid fromid folder subject message dateline");
    let mut id = 0;
    while rows.written < bytes * 15 / 100 {
        id += 1;
        message(&mut dice, &mut text, id);
        rows.row(&format!(
            "({id},{},{},{},1,'hi','{text}',{})",
            id % 5000,
            id % 77,
            id % 99,
            1_704_000_000 + id
        ));
    }
    rows.end();
    let mut rows = Rows::new(&mut out, "mybb_sessions", "sid uid ip time location useragent");
    while rows.written < bytes * 6 / 100 {
        let sid = dice.next();
        rows.row(&format!(
            "('{sid:016x}{sid:016x}',{},0xC0000202,1704376597,'/showthread.php?tid={}','Mozilla/5.0 (X11; Linux x86_64)')",
            sid % 5000,
            sid % 9999
        ));
    }
    rows.end();
    let mut rows = Rows::new(
        &mut out,
        "mybb_threads",
        "tid fid subject uid username dateline firstpost closed sticky visible",
    );
    for tid in 1..=posts / 16 + 50 {
        rows.row(&format!(
            "({tid},{},'Thread number {tid}',{},'user',1704000000,{tid},'',0,1)",
            1 + tid % 20,
            1 + tid % 5000
        ));
    }
    rows.end();
    let mut rows = Rows::new(
        &mut out,
        "mybb_users",
        "uid username password salt email usergroup regip lastip signature",
    );
    for uid in 1..=5000u64.max(posts / 60) {
        rows.row(&format!(
            "({uid},'user{uid}','{:032x}','abcdefgh','user{uid}@mail.example',2,0xC0000203,0xC0000204,'{}')",
            u128::from(dice.next()) << 64 | u128::from(dice.next()),
            dice.pick(&WORDS)
        ));
    }
    rows.end();
    out.flush().unwrap();
}

/// Most memory that the process held, in MB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").trim().parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// Processor time that the process used, in seconds: what other processes take away does not count.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let ticks = |i: usize| fields.get(i).and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| arguments.iter().position(|a| a == name).and_then(|i| arguments.get(i + 1));
    let mb: u64 = after("--mb").map_or(200, |n| n.parse().unwrap());
    if let Some(path) = after("--write") {
        write(Path::new(path), mb * 1_000_000);
        return;
    }
    let made = after("--read").is_none();
    let path = after("--read").map_or_else(|| std::env::temp_dir().join("tm-bench-dump.sql"), PathBuf::from);
    if made {
        write(&path, mb * 1_000_000);
    }
    let size = std::fs::metadata(&path).unwrap().len() as f64 / 1e6;
    let (started, before) = (Instant::now(), cpu());
    let mut import = open(&path, None, Options::default()).unwrap();
    let (mut posts, mut bytes, mut rejects) = (0u64, 0u64, 0u64);
    for item in import.by_ref() {
        match item.unwrap() {
            Item::Post(post) => {
                posts += 1;
                bytes += post.text.len() as u64;
            }
            Item::Reject(_) => rejects += 1,
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let used = cpu() - before;
    println!(
        "{size:.0} MB in {seconds:.2} s ({used:.2} s of one core): {:.0} MB/s of dump a core; {posts} posts ({:.0} MB of own \
         text), {} hidden, {rejects} refused; peak memory {:.0} MB",
        size / used,
        bytes as f64 / 1e6,
        import.hidden().total(),
        peak()
    );
    if made {
        let _ = std::fs::remove_file(&path);
    }
}
