//! Looks at the page that the operator named: which engine, which forum, let in or not.

use super::fetch::{Answer, FetchError, Fetcher, Manners, Validators};
use super::plan::{CrawlError, Found, Plan};
use crate::engine::{Access, Document, Engine, Target, detect, engine};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// A forum that was found and can be crawled.
pub struct Crawler {
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) plan: Plan,
    pub(super) named: Url,
    pub(super) start: Vec<Target>,
    /// The page that was looked at, not fetched a second time.
    pub(super) first: std::sync::Mutex<Option<(Document, Validators)>>,
    /// What was found.
    pub found: Found,
}

impl Crawler {
    /// Looks at the page that the operator named: which engine, which forum; logs in when the plan says so.
    ///
    /// # Errors
    /// See [`CrawlError`].
    pub async fn find(named: &Url, manners: Manners, plan: Plan) -> Result<Crawler, CrawlError> {
        let known = || crate::engine::engines().join(", ");
        let fetcher = Arc::new(Fetcher::new(named, manners, &plan.cookies)?);
        let (document, validators) = page(&fetcher, named).await?;
        let engine: Arc<dyn Engine> = match (&plan.selectors, &plan.engine) {
            (Some(selectors), _) => selectors.clone(),
            (None, Some(name)) => Arc::new(
                engine(name).ok_or_else(|| CrawlError::NoEngine { name: name.clone(), known: known() })?,
            ),
            (None, None) => match detect(&document) {
                Some(engine) => Arc::new(engine),
                None => {
                    let (url, page) = (document.url.clone(), document.body.clone());
                    return Err(match crate::engine::access(&document) {
                        Access::Open => CrawlError::Unknown { url, known: known(), page },
                        access => CrawlError::Closed { url, access, page },
                    });
                }
            },
        };
        if let Some((user, password)) = &plan.login {
            login(&fetcher, &*engine, &document.url, user, password, &plan).await?;
        }
        let start = engine.start(&document.url);
        let Some(first) = start.first() else { return Err(CrawlError::Nothing(document.url)) };
        let site = crate::engine::site_name(&document);
        // The page is fetched anew after a log-in, and where an engine is read through another address than the page's.
        let other = first.url != document.url && {
            let reading = engine.read(&document, &plan.reader);
            let bare = reading.boards.is_empty() && reading.threads.is_empty() && reading.posts.is_empty();
            bare || engine.canonical(&document.url).as_ref() != Some(first)
        };
        let (document, validators) = if plan.login.is_some() || other {
            page(&fetcher, &first.url).await?
        } else {
            (document, validators)
        };
        let reading = engine.read(&document, &plan.reader);
        if !reading.access.is_open() {
            return Err(CrawlError::Closed {
                url: document.url,
                access: reading.access,
                page: document.body,
            });
        }
        let inside = reading.member.is_some() || way_out(&document);
        if let Some((user, _)) = &plan.login
            && !inside
        {
            return Err(CrawlError::Login {
                user: user.clone(),
                reason: "the forum still takes us for a guest".into(),
            });
        }
        if plan.login.is_none() && !plan.cookies.is_empty() && !plan.guest && !inside {
            return Err(CrawlError::Cookies(document.url));
        }
        let forum =
            reading.forum.clone().or(site).unwrap_or_else(|| named.host_str().unwrap_or("forum").to_owned());
        let member = reading.member.or_else(|| plan.login.as_ref().map(|l| l.0.clone()));
        let found = Found { engine: engine.name().to_owned(), forum, member };
        let first = std::sync::Mutex::new(Some((document, validators)));
        Ok(Crawler { fetcher, engine, plan, named: named.clone(), start, first, found })
    }
}

async fn page(fetcher: &Fetcher, url: &Url) -> Result<(Document, Validators), FetchError> {
    match fetcher.get(url, &Validators::default()).await? {
        Answer::Page(document, validators) => Ok((document, validators)),
        Answer::Unchanged => Err(FetchError::NoAnswer {
            url: url.clone(),
            tries: 1,
            reason: "answered with 304 although nothing was known".into(),
        }),
    }
}

/// Themes hide the greeting; the way out is on every page of a member.
pub(super) fn way_out(document: &Document) -> bool {
    ["mode=logout", "action=logout", "action=out", "do=logout", "/logout"]
        .iter()
        .any(|w| document.body.contains(w))
}

/// Logs in by the form of the forum.
///
/// # Errors
/// [`CrawlError::Login`] when there is no form or a robot check stands in front; whether the forum let us in is seen on the
/// next page.
pub(super) async fn login(
    fetcher: &Fetcher,
    engine: &dyn Engine,
    named: &Url,
    user: &str,
    password: &str,
    plan: &Plan,
) -> Result<(), CrawlError> {
    let fail = |reason: String| CrawlError::Login { user: user.to_owned(), reason };
    let at = engine.login_page(named);
    let (page, _) = page(fetcher, &at).await?;
    let form = engine.login(&page, user, password).ok_or_else(|| fail(format!("no log-in form at {at}")))?;
    // phpBB refuses a form that comes back within the second it was made in.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let after = fetcher.send(&form).await?;
    match engine.read(&after, &plan.reader).access {
        Access::Challenge(name) => Err(fail(format!("a robot check ({name}) stands in front"))),
        // Refused for what was typed, or for having tried too often: the page says which.
        Access::Refused(words) if engine.login(&after, user, password).is_some() => Err(fail(words)),
        _ => Ok(()),
    }
}
