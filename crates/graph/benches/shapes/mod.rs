//! Forums with planted key members, in five shapes. Who is key is decided by what somebody does there — sells well for
//! years, teaches, leads a team, ties boards together, brings what all want — and never by a formula that a ranking uses.
//! Each shape has those who look alike and are not: spammers, chatterers, needy newcomers, recruiters, one-day wonders.

// Account numbers are what a forum is made of here; several tables are read by the same one.
#![allow(clippy::needless_range_loop)]

use tm_graph::Random;
use tm_graph::rank::hackerrank::{INDICATORS, Member};

/// One post or message, as it leaves its author.
pub struct Turn {
    pub from: u32,
    pub to: u32,
    pub time: i64,
    pub topic: u32,
}

pub struct Shape {
    pub name: &'static str,
    pub accounts: usize,
    pub turns: Vec<Turn>,
    pub key: Vec<bool>,
    /// What content analysis would count of each.
    pub members: Vec<Member>,
}

const DAY: i64 = 86_400;

struct Making {
    r: Random,
    shape: Shape,
    days: i64,
}

impl Making {
    fn new(name: &'static str, accounts: usize, days: i64, seed: u64) -> Making {
        let members = vec![Member { indicators: [0.0; INDICATORS], topics: vec![0.0; 8] }; accounts];
        Making {
            r: Random::new(seed, 99),
            shape: Shape { name, accounts, turns: Vec::new(), key: vec![false; accounts], members },
            days,
        }
    }
    fn below(&mut self, n: usize) -> usize {
        self.r.below(n.max(1) as u64) as usize
    }
    fn chance(&mut self, p: f64) -> bool {
        self.r.unit() < p
    }
    /// Heavy-tailed count with about this mean.
    fn heavy(&mut self, mean: f64) -> usize {
        (mean * 0.5 * (self.r.unit().max(1e-4)).powf(-0.5)) as usize
    }
    fn turn(&mut self, from: usize, to: usize, day: f64, topic: usize) {
        if from != to {
            let hour = 8.0 + 12.0 * self.r.unit();
            let time =
                1_600_000_000 + ((day.clamp(0.0, self.days as f64)) * DAY as f64 + hour * 3600.0) as i64;
            self.shape.turns.push(Turn { from: from as u32, to: to as u32, time, topic: topic as u32 });
        }
    }
    /// Content of a post: `skill` 0..1 is how much substance the author puts in.
    fn wrote(&mut self, who: usize, starts: bool, skill: f64, asks: bool, topic: usize) {
        let noise = self.r.unit();
        let m = &mut self.shape.members[who].indicators;
        let length = 60.0 + 500.0 * skill * (0.5 + noise);
        m[if starts { 0 } else { 1 }] += 1.0;
        m[if starts { 2 } else { 3 }] +=
            (length - m[if starts { 2 } else { 3 }]) / m[if starts { 0 } else { 1 }];
        m[4] += length;
        m[if asks { 6 } else { 5 }] += if asks { 1.0 } else { skill };
        m[8] += 3.0 * skill * noise;
        m[9] += 2.0 * skill * noise + 0.3;
        m[11] += f64::from(noise < 0.4 * skill);
        m[14] += 0.4;
        self.shape.members[who].topics[topic % 8] += 1.0;
    }
    fn finish(mut self) -> Shape {
        let n = self.shape.accounts;
        let mut received = vec![0.0; n];
        let mut days: Vec<Vec<i64>> = vec![Vec::new(); n];
        for t in &self.shape.turns {
            received[t.to as usize] += 1.0;
            days[t.from as usize].push(t.time / DAY);
        }
        for v in 0..n {
            let m = &mut self.shape.members[v].indicators;
            let posts = (m[0] + m[1]).max(1.0);
            (m[7], m[10], m[12], m[15]) = (m[5] / posts, (m[8] + m[9]) / posts, m[11] / posts, received[v]);
            days[v].sort_unstable();
            days[v].dedup();
            m[13] = days[v].len() as f64;
        }
        self.shape.turns.sort_by_key(|t| (t.time, t.from, t.to));
        self.shape
    }
    /// When an account is there: joined, left. Most come for a short while.
    fn stay(&mut self) -> (f64, f64) {
        let days = self.days as f64;
        let joined = self.r.unit() * days * 0.95;
        let length = 3.0 + days * 0.6 * self.r.unit().powi(3);
        (joined, (joined + length).min(days))
    }
    /// Pairs that chat with one another endlessly.
    fn chatter(&mut self, who: &[usize], turns: usize, topic: usize) {
        for _ in 0..turns {
            let (a, b) = (who[self.below(who.len())], who[self.below(who.len())]);
            let day = self.r.unit() * self.days as f64;
            self.turn(a, b, day, topic);
            self.wrote(a, false, 0.05, false, topic);
        }
    }
    /// One thread of somebody who is nobody, in which everybody has a say for two days.
    fn uproar(&mut self, who: usize, posts: usize, topic: usize) {
        let day = self.r.unit() * self.days as f64;
        self.wrote(who, true, 0.1, false, topic);
        for _ in 0..posts {
            let from = self.below(self.shape.accounts);
            let later = self.r.unit() * 2.0;
            self.turn(from, who, day + later, topic);
            self.wrote(from, false, 0.05, false, topic);
        }
    }
    /// Posts a lot, is hardly answered, is gone in weeks.
    fn spam(&mut self, who: usize, posts: usize) {
        let (day, n) = (self.r.unit() * self.days as f64, self.shape.accounts);
        for _ in 0..posts {
            let (to, later) = (self.below(n), self.r.unit() * 14.0);
            self.turn(who, to, day + later, 7);
            self.wrote(who, false, 0.5, false, 7);
            if self.chance(0.05) {
                let from = self.below(n);
                self.turn(from, who, day + later, 7);
            }
        }
    }
    /// Writes long and learned posts that nobody reads.
    fn essays(&mut self, who: usize, posts: usize) {
        for _ in 0..posts {
            let (day, topic) = (self.r.unit() * self.days as f64, self.below(8));
            self.wrote(who, true, 1.0, false, topic);
            if self.chance(0.4) {
                let from = self.below(self.shape.accounts);
                self.turn(from, who, day, topic);
            }
        }
    }
}

/// A market: vendors with sale threads that go on for years, buyers who come and go, rippers whom nobody trusts twice.
pub fn market(seed: u64) -> Shape {
    let n = 900;
    let mut m = Making::new("market", n, 720, seed);
    let stays: Vec<(f64, f64)> = (0..n).map(|_| m.stay()).collect();
    let present = |m: &mut Making, day: f64| loop {
        let v = m.below(n);
        if stays[v].0 <= day && day <= stays[v].1 || m.chance(0.02) {
            return v;
        }
    };
    for v in 0..18 {
        m.shape.key[v] = true;
        let (joined, left) = (m.r.unit() * 200.0, 500.0 + m.r.unit() * 220.0);
        for _ in 0..(14 + m.heavy(14.0)) {
            let day = joined + m.r.unit() * (left - joined);
            m.wrote(v, true, 0.6, false, v % 5);
            for _ in 0..(1 + m.heavy(4.0)) {
                let buyer = present(&mut m, day);
                m.turn(buyer, v, day, v % 5);
                m.wrote(buyer, false, 0.1, true, v % 5);
                if m.chance(0.5) {
                    m.turn(v, buyer, day + 0.5, v % 5);
                    m.wrote(v, false, 0.4, false, v % 5);
                }
            }
        }
    }
    // Rippers: much interest in one month, then none.
    for v in 18..48 {
        let day = m.r.unit() * 690.0;
        for _ in 0..(8 + m.heavy(14.0)) {
            let later = day + m.r.unit() * 25.0;
            let buyer = present(&mut m, later);
            m.turn(buyer, v, later, v % 5);
            if m.chance(0.4) {
                m.turn(v, buyer, later, v % 5);
            }
            m.wrote(v, true, 0.6, false, v % 5);
        }
    }
    // The rest asks, answers and thanks one another a little.
    for v in 48..n {
        for _ in 0..m.heavy(5.0) {
            let day = stays[v].0 + m.r.unit() * (stays[v].1 - stays[v].0);
            let to = present(&mut m, day);
            let topic = m.below(5);
            m.turn(v, to, day, topic);
            m.wrote(v, false, 0.2, m.shape.turns.len().is_multiple_of(2), topic);
        }
    }
    let chatty: Vec<usize> = (60..95).collect();
    m.chatter(&chatty, 2600, 6);
    (100..104).for_each(|v| m.uproar(v, 90, 6));
    (110..125).for_each(|v| m.spam(v, 120));
    (130..145).for_each(|v| m.essays(v, 40));
    m.finish()
}

/// A forum of questions: those who know answer for years and are thanked; the needy ask and are answered by many.
pub fn school(seed: u64) -> Shape {
    let n = 1100;
    let mut m = Making::new("school", n, 900, seed);
    let stays: Vec<(f64, f64)> = (0..n).map(|_| m.stay()).collect();
    for v in 0..20 {
        m.shape.key[v] = true;
        let (joined, left) = (m.r.unit() * 250.0, 600.0 + m.r.unit() * 300.0);
        let field = v % 6;
        for _ in 0..(50 + m.heavy(40.0)) {
            let day = joined + m.r.unit() * (left - joined);
            let asker = 20 + m.below(n - 20);
            m.turn(v, asker, day, field);
            m.wrote(v, false, 0.7, false, field);
            if m.chance(0.55) {
                m.turn(asker, v, day + 0.3, field);
                m.wrote(asker, false, 0.05, m.shape.turns.len().is_multiple_of(3), field);
            }
        }
        for _ in 0..(1 + m.heavy(2.0)) {
            let day = joined + m.r.unit() * (left - joined);
            m.wrote(v, true, 1.0, false, field);
            for _ in 0..(4 + m.heavy(5.0)) {
                let from = 20 + m.below(n - 20);
                let later = m.r.unit().powi(2) * 60.0;
                m.turn(from, v, day + later, field);
            }
        }
    }
    // The needy: a hundred questions within weeks, each answered by several.
    for v in 20..60 {
        let day = stays[v].0;
        for _ in 0..(6 + m.heavy(8.0)) {
            let later = m.r.unit() * 40.0;
            m.wrote(v, true, 0.15, true, v % 6);
            for _ in 0..(1 + m.below(4)) {
                let from = m.below(n);
                m.turn(from, v, day + later, v % 6);
                if m.chance(0.4) {
                    m.turn(v, from, day + later, v % 6);
                }
            }
        }
    }
    for v in 60..n {
        for _ in 0..m.heavy(5.0) {
            let day = stays[v].0 + m.r.unit() * (stays[v].1 - stays[v].0);
            let (to, topic) = (20 + m.below(n - 20), m.below(6));
            m.turn(v, to, day, topic);
            m.wrote(v, false, 0.2, false, topic);
            if m.chance(0.25) {
                m.turn(to, v, day + 0.2, topic);
            }
        }
    }
    let chatty: Vec<usize> = (70..110).collect();
    m.chatter(&chatty, 4000, 7);
    (120..124).for_each(|v| m.uproar(v, 110, 7));
    (130..142).for_each(|v| m.spam(v, 150));
    (150..170).for_each(|v| m.essays(v, 50));
    m.finish()
}

/// A gang that writes to one another directly: leads of teams stay and are reported to, members come and go, recruiters
/// write to everybody once, helpers of the infrastructure are asked by all.
pub fn gang(seed: u64) -> Shape {
    let n = 340;
    let mut m = Making::new("gang", n, 540, seed);
    let teams = 16;
    let lead_of = |team: usize| team;
    // Three above the leads.
    for v in 0..teams + 4 {
        m.shape.key[v] = true;
    }
    let mut team_of = vec![0usize; n];
    for (v, t) in team_of.iter_mut().enumerate().skip(teams + 4) {
        *t = (v * 7 + v / 9) % teams;
    }
    for v in teams + 4..n {
        let (joined, left) = m.stay();
        let (team, effort) = (team_of[v], 0.15 + m.r.unit().powi(2));
        let length = left - joined;
        for _ in 0..((length * effort * 0.35) as usize + 2) {
            let day = joined + m.r.unit() * length;
            let lead = lead_of(team);
            if m.chance(0.4) {
                m.turn(v, lead, day, team);
                m.wrote(v, false, 0.2, true, team % 8);
                if m.chance(0.75) {
                    m.turn(lead, v, day + 0.1, team);
                    m.wrote(lead, false, 0.3, false, team % 8);
                }
            } else {
                // Mates chat; most with one or two.
                let mate = teams + 4 + (v * 31 + m.below(3) * teams * 5 + team) % (n - teams - 4);
                for _ in 0..1 + m.below(4) {
                    m.turn(v, mate, day, team);
                    m.turn(mate, v, day + 0.01, team);
                    m.wrote(v, false, 0.15, false, team % 8);
                }
            }
        }
    }
    // Leads report upwards and talk to other leads.
    for lead in 0..teams {
        let (joined, left) = (m.r.unit() * 180.0, 380.0 + m.r.unit() * 160.0);
        for _ in 0..(10 + m.heavy(18.0)) {
            let day = joined + m.r.unit() * (left - joined);
            let to = if m.chance(0.6) { teams + m.below(4) } else { m.below(teams) };
            m.turn(lead, to, day, lead);
            m.wrote(lead, false, 0.4, false, lead % 8);
            if m.chance(0.7) {
                m.turn(to, lead, day + 0.1, lead);
            }
        }
    }
    // Recruiters: many contacts, each for a day or two.
    for v in 40..48 {
        let (joined, left) = m.stay();
        for _ in 0..60 {
            let (to, day) = (m.below(n), joined + m.r.unit() * (left - joined));
            for _ in 0..1 + m.below(3) {
                m.turn(v, to, day, 20);
                m.wrote(v, false, 0.3, false, 4);
                if m.chance(0.6) {
                    m.turn(to, v, day + 0.02, 20);
                }
            }
        }
    }
    // Who resets passwords is written to by all, for a season.
    for v in 48..54 {
        let (joined, left) = m.stay();
        for _ in 0..70 {
            let (from, day) = (m.below(n), joined + m.r.unit() * (left - joined));
            m.turn(from, v, day, 21);
            m.turn(v, from, day + 0.05, 21);
            m.wrote(v, false, 0.2, false, 5);
        }
    }
    // A machine that greets all, again and again.
    for _ in 0..900 {
        let (to, day) = (m.below(n), m.r.unit() * 540.0);
        m.turn(54, to, day, 22);
        m.wrote(54, false, 0.0, false, 6);
    }
    m.finish()
}

/// Many boards with their own regulars, and a few who answer and are answered across them.
pub fn boards(seed: u64) -> Shape {
    let (n, boards) = (1400, 10);
    let mut m = Making::new("boards", n, 720, seed);
    let home = |v: usize| v % boards;
    for v in 0..22 {
        m.shape.key[v] = true;
        let (joined, left) = (m.r.unit() * 200.0, 500.0 + m.r.unit() * 220.0);
        let mine: Vec<usize> = (0..3 + m.below(3)).map(|_| m.below(boards)).collect();
        for _ in 0..(35 + m.heavy(30.0)) {
            let day = joined + m.r.unit() * (left - joined);
            let board = mine[m.below(mine.len())];
            let other =
                22 + m.below((n - 22 - boards) / boards) * boards + (board + boards - 22 % boards) % boards;
            if m.chance(0.65) {
                m.turn(other, v, day, board);
                m.wrote(other, false, 0.1, true, board);
            }
            if m.chance(0.6) {
                m.turn(v, other, day + 0.2, board);
                m.wrote(v, false, 0.5, false, board);
            }
        }
    }
    for v in 22..n {
        let (joined, left) = m.stay();
        // Regulars of one board: some are as busy as the key members, but only there and for a season.
        let regular = v < 22 + boards * 6;
        let posts = if regular { 40 + m.heavy(30.0) } else { m.heavy(5.0) };
        for _ in 0..posts {
            let day = joined + m.r.unit() * (left - joined);
            let board = if m.chance(0.9) { home(v) } else { m.below(boards) };
            let spread = if m.chance(0.5) { 6 } else { (n - 22) / boards };
            let to = (22 + m.below(spread) * boards + (board + boards - 22 % boards) % boards).min(n - 1);
            m.turn(v, to, day, board);
            m.wrote(v, false, 0.2, false, board);
        }
    }
    (200..206).for_each(|v| m.uproar(v, 120, 3));
    (210..225).for_each(|v| m.spam(v, 150));
    (230..250).for_each(|v| m.essays(v, 50));
    m.finish()
}

/// A board of leaks: few bring, hundreds say thanks. Others post again what is old, and are thanked by their friends.
pub fn leaks(seed: u64) -> Shape {
    let n = 1000;
    let mut m = Making::new("leaks", n, 600, seed);
    for v in 0..16 {
        m.shape.key[v] = true;
        let (joined, left) = (m.r.unit() * 200.0, 400.0 + m.r.unit() * 200.0);
        for _ in 0..(6 + m.heavy(7.0)) {
            let day = joined + m.r.unit() * (left - joined);
            m.wrote(v, true, 0.5, false, v % 4);
            for _ in 0..(5 + m.heavy(7.0)) {
                let (from, later) = (m.below(n), m.r.unit().powi(3) * 30.0);
                m.turn(from, v, day + later, v % 4);
                m.wrote(from, false, 0.03, false, v % 4);
            }
        }
    }
    for v in 16..60 {
        let friends: Vec<usize> = (0..8).map(|_| 60 + m.below(200)).collect();
        for _ in 0..(10 + m.heavy(12.0)) {
            let day = m.r.unit() * 600.0;
            m.wrote(v, true, 0.5, false, v % 4);
            for _ in 0..m.below(6) {
                let from = friends[m.below(8)];
                m.turn(from, v, day, v % 4);
                if m.chance(0.5) {
                    m.turn(v, from, day, v % 4);
                }
            }
        }
    }
    for v in 60..n {
        let (joined, left) = m.stay();
        for _ in 0..m.heavy(4.0) {
            let (to, topic) = (m.below(n), m.below(4));
            let day = joined + m.r.unit() * (left - joined);
            m.turn(v, to, day, topic);
            m.wrote(v, false, 0.1, true, topic);
            if m.chance(0.3) {
                m.turn(to, v, day + 0.1, topic);
            }
        }
    }
    let chatty: Vec<usize> = (300..330).collect();
    m.chatter(&chatty, 2500, 6);
    (340..346).for_each(|v| m.uproar(v, 130, 6));
    (350..362).for_each(|v| m.spam(v, 150));
    (370..385).for_each(|v| m.essays(v, 40));
    m.finish()
}

pub fn all(seed: u64) -> Vec<Shape> {
    vec![market(seed), school(seed), gang(seed), boards(seed), leaks(seed)]
}
