//! `demo`: bundled sample forums to findings on the screen.

use super::{Setting, analyze, import, serve};
use crate::cli::Demo;
use crate::output::{self, fit};
use anyhow::Context;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use tm_store::{PostFilter, Store, ThreatFilter};

/// The sample forums, written for this purpose: three languages, nobody's handles, hosts or wallets.
const SAMPLES: [(&str, &[u8]); 3] = [
    ("nightmarket.jsonl", include_bytes!("../../../../samples/nightmarket.jsonl")),
    ("cherny-port.jsonl", include_bytes!("../../../../samples/cherny-port.jsonl")),
    ("anying.jsonl", include_bytes!("../../../../samples/anying.jsonl")),
];

pub fn run(setting: &Setting, options: &Demo) -> anyhow::Result<ExitCode> {
    let mut setting = Setting { global: setting.global.clone(), config: setting.config.clone() };
    if setting.global.store.is_none() && setting.config.store.is_none() {
        // The demo must not mix with an analyst's own posts in this folder.
        setting.global.store = Some("threatminer-demo.db".into());
    }
    setting.runtime()?.block_on(async {
        let started = std::time::Instant::now();
        let store = setting.open_store().await?;
        let folder = tempfile::tempdir().context("cannot make a temporary folder for the samples")?;
        for (name, bytes) in SAMPLES {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).context("cannot unpack the samples")?;
            let import::Imported { state, .. } =
                import::import(&setting, &*store, &path, &import::Wanted::default()).await?;
            output::note(format!("{name}: {} posts stored, {} known already", state.stored, state.known));
        }
        let analyzer = Arc::new(setting.analyzer()?);
        let done = analyze::analyze(&setting, &store, &analyzer).await?;
        analyze::index(&setting, &*store).await?;
        output::note(format!("{} posts analysed in {:.1} s", done.posts, started.elapsed().as_secs_f64()));
        print(&*store).await?;
        if options.no_serve {
            return Ok(ExitCode::SUCCESS);
        }
        serve::serve(&setting, store, analyzer, options.listen, &[]).await
    })
}

/// The findings in words.
async fn print(store: &dyn Store) -> anyhow::Result<()> {
    let mut out = output::stdout();
    let c = store.counts().await?;
    writeln!(
        out,
        "\n{} posts by {} accounts in {} forums: {} relevant, {} entities, {} event mentions, {} threat events",
        c.posts, c.accounts, c.forums, c.relevant_posts, c.entities, c.mentions, c.threats
    )?;
    writeln!(out, "\nTop threats")?;
    let filter = ThreatFilter { sort: "severity".into(), limit: 12, ..ThreatFilter::default() };
    for t in store.threats(&filter).await?.1 {
        let day =
            |t: Option<tm_model::Timestamp>| t.map(tm_model::Timestamp::day).unwrap_or_else(|| "?".into());
        writeln!(
            out,
            "  {:.2}  {:<7} {}  {} to {}, {} posts in {} ({})",
            t.severity,
            t.kind.family(),
            fit(&t.title, 60),
            day(t.first),
            day(t.last),
            t.posts,
            t.forums.join(", "),
            t.id
        )?;
        let parts: Vec<String> =
            t.severity_parts.iter().map(|(n, v, w, _)| format!("{n} {:.2}", v * w)).collect();
        writeln!(out, "        {}", parts.join(" + "))?;
    }
    writeln!(out, "\nKey hackers")?;
    let by_rank = PostFilter { sort: "rank".into(), limit: 12, ..PostFilter::default() };
    for a in store.accounts(&by_rank).await?.1 {
        let Some(s) = &a.standing else { continue };
        let parts: Vec<String> = s.standing.parts.iter().map(|(n, v)| format!("{n} {v:.2}")).collect();
        let fields: Vec<&str> = s.fields.iter().take(3).map(|f| f.0.as_str()).collect();
        writeln!(
            out,
            "  {:>3}. {:<18} {:.2}  {}, {} posts, answered {} times; {}",
            s.standing.rank,
            fit(&a.name, 18),
            s.standing.score,
            a.forum,
            a.posts,
            s.answers,
            fields.join(", ")
        )?;
        writeln!(out, "        {}", parts.join(" + "))?;
    }
    writeln!(out)?;
    out.flush()?;
    Ok(())
}
