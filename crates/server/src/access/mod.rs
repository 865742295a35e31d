//! Who may do what: users, sessions, tokens, roles and scopes.
//!
//! Without a user and bound to loopback the server is *open*: whoever reaches it is the analyst at this machine. As soon as
//! there is a user, or when it listens elsewhere, a login or token is required.

mod guard;
mod limit;
mod secret;

pub(crate) use guard::{Guard, Noted, Origin, credentials, guard};
pub(crate) use secret::hash;
pub use secret::{check as check_password, hash_password, random};

use crate::problem::ApiError;
use limit::Limiter;
use secret::Passwords;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use tm_model::Timestamp;
use tm_store::{Store, UserRow};

/// What a user may do; each includes what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads, and keeps searches of its own.
    Viewer,
    /// Marks, decides, watches.
    Analyst,
    /// Manages users and reads the audit log.
    Admin,
}

impl Role {
    /// All, from least to most.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Analyst, Role::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Analyst => "analyst",
            Role::Admin => "admin",
        }
    }

    /// The role of a name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|r| r.as_str() == name)
    }
}

/// What a token may be used for; each includes what stands before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reading.
    Read,
    /// Changes to findings.
    Write,
    /// Changes to users and tokens.
    Admin,
}

impl Scope {
    /// All, from least to most.
    pub const ALL: [Scope; 3] = [Scope::Read, Scope::Write, Scope::Admin];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Write => "write",
            Scope::Admin => "admin",
        }
    }

    /// The scope of a name.
    pub fn named(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|s| s.as_str() == name)
    }
}

/// What a route asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: logging in, the state of the server.
    Nobody,
    /// At least this role, and of a token this scope.
    Of(Role, Scope),
}

/// Reads.
pub(crate) const VIEW: Need = Need::Of(Role::Viewer, Scope::Read);
/// Changes what is the user's own, such as saved searches.
pub(crate) const OWN: Need = Need::Of(Role::Viewer, Scope::Write);
/// Changes findings.
pub(crate) const WORK: Need = Need::Of(Role::Analyst, Scope::Write);
/// Changes the user's own ways in: password, tokens.
pub(crate) const SELF: Need = Need::Of(Role::Viewer, Scope::Admin);
/// Manages.
pub(crate) const ADMIN: Need = Need::Of(Role::Admin, Scope::Admin);

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Who {
    /// Identifier and name; none on an open server.
    pub user: Option<(i64, String)>,
    pub role: Role,
    pub scope: Scope,
    /// Hash of its session.
    pub session: Option<String>,
    /// Where it comes from, for the audit log and the limits.
    pub address: IpAddr,
}

impl Who {
    pub(crate) fn id(&self) -> Option<i64> {
        self.user.as_ref().map(|u| u.0)
    }
    pub(crate) fn name(&self) -> Option<String> {
        self.user.as_ref().map(|u| u.1.clone())
    }
    pub(crate) fn may(&self, need: Need) -> bool {
        match need {
            Need::Nobody => true,
            Need::Of(role, scope) => self.role >= role && self.scope >= scope,
        }
    }
}

/// Seconds after which a session without a request ends.
const IDLE: i64 = 12 * 3600;
/// Seconds after which a session ends whatever happens.
pub(crate) const LONGEST: i64 = 7 * 86400;
/// How exactly the last request is noted, in seconds: a write for each request would be one for nothing.
const NOTED: i64 = 60;

/// How this server lets people in.
#[derive(Debug)]
pub(crate) struct Access {
    /// It listens to this machine only.
    loopback: bool,
    /// It speaks TLS, so cookies are for TLS only.
    pub secure: bool,
    /// Names beside addresses and `localhost` that requests may use for it, lower-cased.
    pub hosts: Vec<String>,
    /// There is a user; once true it stays, because the last one cannot be removed.
    users: AtomicBool,
    /// Hash of the secret that makes the first user.
    setup: Mutex<Option<String>>,
    pub limiter: Limiter,
    pub passwords: Passwords,
}

impl Access {
    pub(crate) fn new(loopback: bool, secure: bool, hosts: Vec<String>) -> Access {
        Access {
            loopback,
            secure,
            hosts: hosts.into_iter().map(|h| h.to_lowercase()).collect(),
            users: AtomicBool::new(false),
            setup: Mutex::new(None),
            limiter: Limiter::default(),
            passwords: Passwords::default(),
        }
    }

    /// True when there is a user. Another process may make the first one while this one serves.
    pub(crate) async fn has_users(&self, store: &dyn Store) -> Result<bool, ApiError> {
        if self.users.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let any = store.has_users().await?;
        self.users.store(any, Ordering::Relaxed);
        Ok(any)
    }

    /// True when no login is needed.
    pub(crate) async fn open(&self, store: &dyn Store) -> Result<bool, ApiError> {
        Ok(self.loopback && !self.has_users(store).await?)
    }

    /// A new secret that makes the first user; an older one is void.
    pub(crate) fn new_setup(&self) -> Option<String> {
        let secret = random()?;
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(hash(&secret));
        Some(secret)
    }

    /// True when this is the secret that makes the first user.
    pub(crate) fn is_setup(&self, secret: &str) -> bool {
        let kept = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
        kept.as_deref() == Some(hash(secret).as_str())
    }

    /// The first user is made: its secret is void.
    pub(crate) fn end_setup(&self) {
        *self.setup.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.users.store(true, Ordering::Relaxed);
    }

    /// Name of the cookie. The prefix has browsers refuse it from elsewhere, but needs TLS.
    pub(crate) fn cookie(&self) -> &'static str {
        if self.secure { "__Host-threatminer" } else { "threatminer" }
    }

    /// Who a request comes from, by its token or session; none when neither is valid.
    pub(crate) async fn who(
        &self,
        store: &dyn Store,
        bearer: Option<&str>,
        session: Option<&str>,
        address: IpAddr,
    ) -> Result<Option<Who>, ApiError> {
        let now = now();
        let known = |user: UserRow, scope, session| {
            let role = Role::named(&user.role)?;
            Some(Who { user: Some((user.id, user.name)), role, scope, session, address })
        };
        if let Some(secret) = bearer {
            // A token that is not valid is not made good by a cookie beside it.
            let Some((token, user)) = store.token(&hash(secret)).await? else { return Ok(None) };
            if user.disabled || token.expires.is_some_and(|e| e <= now) {
                return Ok(None);
            }
            if token.last_used.is_none_or(|t| now.0 - t.0 >= NOTED) {
                store.token_used(token.id, now).await?;
            }
            let scope = token.scopes.iter().filter_map(|s| Scope::named(s)).max();
            return Ok(scope.and_then(|scope| known(user, scope, None)));
        }
        if let Some(secret) = session {
            let hash = hash(secret);
            if let Some((session, user)) = store.session(&hash).await?
                && !user.disabled
                && session.expires > now
                && now.0 - session.seen.0 < IDLE
            {
                if now.0 - session.seen.0 >= NOTED {
                    store.session_seen(&hash, now).await?;
                }
                return Ok(known(user, Scope::Admin, Some(hash)));
            }
        }
        if self.open(store).await? {
            return Ok(Some(Who {
                user: None,
                role: Role::Admin,
                scope: Scope::Admin,
                session: None,
                address,
            }));
        }
        Ok(None)
    }
}

/// This moment.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp(since.map_or(0, |d| i64::try_from(d.as_secs()).unwrap_or(i64::MAX)))
}

/// Longest name of a user, in code points.
const NAME: usize = 64;

/// The name of a user as it is kept.
///
/// # Errors
/// In words, what is wrong with it.
pub fn check_name(name: &str) -> Result<String, String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME {
        return Err(format!("a name has 1 to {NAME} characters"));
    }
    if name.chars().any(char::is_control) {
        return Err("a name holds no control characters".into());
    }
    Ok(name.to_owned())
}
