//! A generator of forum posts: three languages, words distributed as in real text (Zipf-Mandelbrot), threads with answers,
//! a few busy authors and many quiet ones, five years, some trade and some indicators. The same number of posts and the same
//! seed give the same posts.

/// A generator of equally distributed numbers (SplitMix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Words by rank, drawn by the law of Zipf and Mandelbrot.
pub struct Vocabulary {
    pub words: Vec<String>,
    sums: Vec<f64>,
}

impl Vocabulary {
    fn new(words: Vec<String>) -> Vocabulary {
        let mut sum = 0.0;
        let sums = (0..words.len())
            .map(|r| {
                sum += 1.0 / (r as f64 + 2.7).powf(1.05);
                sum
            })
            .collect();
        Vocabulary { words, sums }
    }
    pub fn draw(&self, dice: &mut Dice) -> &str {
        let x = dice.unit() * self.sums.last().copied().unwrap_or(1.0);
        &self.words[self.sums.partition_point(|s| *s < x).min(self.words.len() - 1)]
    }
}

const EN: &str = "the a to and of i is you it in for this that on have with not be if me but can my or so no any all your are from like \
    just get use will one need out good new want work some thanks know time here price sell selling buy buying fresh logs cards \
    cvv dump shell access panel market vendor escrow exploit loader malware ransomware server scan scanner proxy account accounts \
    database leak leaked passwords botnet stealer crypter payload telegram jabber bitcoin payment refund scam vouch";
const RU: &str = "и в не на я что с по это за как у но все так есть для если то мне из только он а или уже нет кто его бы от при \
    когда можно нужно надо просто вот спасибо тема пишите продам куплю продажа дампы дамп карты базы база доступ сервер сканер \
    пароли аккаунты гарант оплата слив взлом эксплойт троян шифровальщик панель лоадер телеграм джаббер кидала отзывы проверка";
const ZH: &str = "的 是 了 我 不 在 有 人 这 个 就 都 也 一个 没有 可以 大家 现在 怎么 什么 谢谢 出售 收购 数据 数据库 信用卡 料子 黑客 木马 \
    漏洞 扫描 工具 服务器 后台 密码 账号 交易 担保 论坛 价格 联系 教程 免杀 肉鸡 渗透 源码 更新 发布 下载 测试 攻击 网站";
const SALES: [(&str, &str); 3] = [
    ("en", "Selling fresh logs, price 25$ each, contact telegram @demo_shop_"),
    ("ru", "Продам свежие логи, цена 25$ за штуку, телеграм @demo_shop_"),
    ("zh", "出售最新数据，25元一份，联系电报 @demo_shop_"),
];

fn invented(dice: &mut Dice, parts: &[&str], least: usize, most: usize) -> String {
    let n = least + dice.below(most - least + 1);
    (0..n).map(|_| dice.pick(parts)).collect()
}

fn vocabulary(known: &str, size: usize, dice: &mut Dice, make: impl Fn(&mut Dice) -> String) -> Vocabulary {
    let mut seen: std::collections::HashSet<String> = known.split_whitespace().map(str::to_owned).collect();
    let mut words: Vec<String> = known.split_whitespace().map(str::to_owned).collect();
    while words.len() < size {
        let word = make(dice);
        if seen.insert(word.clone()) {
            words.push(word);
        }
    }
    Vocabulary::new(words)
}

/// A post that was made up.
pub struct Post {
    pub id: usize,
    pub forum: String,
    pub board: String,
    pub thread: usize,
    pub title: String,
    pub author: String,
    pub time: i64,
    pub text: String,
    pub lang: &'static str,
    pub reply_to: Option<usize>,
}

/// Makes posts, one after the other.
pub struct Generator {
    dice: Dice,
    pub en: Vocabulary,
    pub ru: Vocabulary,
    pub zh: Vocabulary,
    total: usize,
    next: usize,
}

impl Generator {
    pub fn new(total: usize) -> Generator {
        let mut dice = Dice(7);
        let en = vocabulary(EN, 120_000, &mut dice, |d| {
            let stem = invented(
                d,
                &[
                    "ba", "cor", "del", "fen", "gri", "hol", "ist", "jun", "ker", "lam", "mon", "nar", "ol",
                    "per", "qui", "ros", "sta", "tri", "ul", "ver", "wen", "yl", "zar", "ock",
                ],
                2,
                4,
            );
            stem + d.pick(&["", "", "", "s", "ed", "ing", "er", "ers", "ly", "tion"])
        });
        let ru = vocabulary(RU, 120_000, &mut dice, |d| {
            let stem = invented(
                d,
                &[
                    "ба", "вер", "гор", "дел", "жи", "за", "кол", "лам", "мот", "нос", "пер", "рас", "ста",
                    "тор", "уп", "фен", "хол", "чер", "шум", "эт",
                ],
                2,
                4,
            );
            stem + d.pick(&["", "а", "ы", "ов", "ами", "ой", "ить", "ил", "ение", "ного"])
        });
        let zh = vocabulary(ZH, 60_000, &mut dice, |d| {
            // Characters have a distribution of their own: the square favours the first.
            let n = [1, 2, 2, 2, 2, 2, 3, 3, 4][d.below(9)];
            (0..n).filter_map(|_| char::from_u32(0x4e00 + (d.unit() * d.unit() * 3000.0) as u32)).collect()
        });
        Generator { dice, en, ru, zh, total, next: 0 }
    }
}

impl Iterator for Generator {
    type Item = Post;

    fn next(&mut self) -> Option<Post> {
        if self.next >= self.total {
            return None;
        }
        let id = self.next;
        self.next += 1;
        let thread = id / 12;
        // A thread, its forum and its language belong together: seven in ten are English, two Russian, one Chinese.
        let mut of_thread = Dice(thread as u64 * 31 + 5);
        let (lang, vocabulary, space) = match of_thread.below(10) {
            0..7 => ("en", &self.en, " "),
            7..9 => ("ru", &self.ru, " "),
            _ => ("zh", &self.zh, ""),
        };
        let forum = format!("forum {lang} {}", of_thread.below(3));
        let title: Vec<&str> = (0..4).map(|_| vocabulary.draw(&mut of_thread)).collect();
        let dice = &mut self.dice;
        // Lengths are skewed: most posts are short, some are pages.
        let words = (4.0 + 30.0 * (-dice.unit().max(1e-9).ln()).powf(1.4)) as usize;
        let mut text = String::new();
        for i in 0..words.min(4000) {
            if i > 0 {
                text.push_str(match i % 11 {
                    10 if lang == "zh" => "，",
                    10 => ", ",
                    _ => space,
                });
            }
            text.push_str(vocabulary.draw(dice));
        }
        if dice.below(50) == 0 {
            let sale = SALES.iter().find(|s| s.0 == lang).map_or("", |s| s.1);
            text.push_str(&format!("\n{sale}{}", dice.below(500)));
        }
        if dice.below(40) == 0 {
            text.push_str(&format!(
                " 203.0.113.{} CVE-20{}-{}",
                dice.below(256),
                18 + dice.below(8),
                1000 + dice.below(9000)
            ));
        }
        // The square root of the square: few write much.
        let authors = (self.total / 25).max(4) as f64;
        let author = (authors * dice.unit() * dice.unit() * dice.unit()) as usize;
        let answers = !id.is_multiple_of(12) && dice.below(3) > 0;
        Some(Post {
            id,
            board: format!("board {}", of_thread.below(8)),
            forum,
            thread,
            title: title.join(space),
            author: format!("user_{author}"),
            time: 1_600_000_000 + (id as f64 / self.total as f64 * 1.6e8) as i64,
            text,
            lang,
            reply_to: answers.then(|| id - 1 - dice.below(id % 12)),
        })
    }
}
