//! `users`: who may log in.

use super::Setting;
use crate::cli::{Password, RoleName, UsersCommand};
use crate::collection::now;
use crate::output::{self, fit};
use anyhow::{Context, bail};
use serde_json::json;
use std::io::{BufRead, Write};
use std::process::ExitCode;
use tm_server::{Role, check_name, check_password, hash_password, random};
use tm_store::{AuditRow, NewUser, Store, UserChange, UserChanged, UserRow};

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Viewer => Role::Viewer,
            RoleName::Analyst => Role::Analyst,
            RoleName::Admin => Role::Admin,
        }
    }
}

pub fn run(setting: &Setting, command: &UsersCommand) -> anyhow::Result<ExitCode> {
    setting.runtime()?.block_on(async {
        let store = setting.open_store().await?;
        let store = &*store;
        match command {
            UsersCommand::Add { name, role, password } => {
                let name = check_name(name).map_err(anyhow::Error::msg)?;
                let (text, made) = read(password)?;
                let password = hashed(&text, &name)?;
                let role = Role::from(*role).as_str().to_owned();
                let new = NewUser { name: name.clone(), role, password, created: now(), first: false };
                if store.add_user(&new).await?.is_none() {
                    bail!("there is a user '{name}' already");
                }
                note(store, "add user", &name).await?;
                show(made.then_some(&text))?;
            }
            UsersCommand::List { json } => return list(store, *json).await,
            UsersCommand::Disable { name, undo } => {
                let user = named(store, name).await?;
                let change = UserChange { disabled: Some(!undo), ..UserChange::default() };
                done(store.change_user(user.id, &change).await?, name)?;
                note(store, if *undo { "enable user" } else { "disable user" }, &user.name).await?;
            }
            UsersCommand::Passwd { name, password } => {
                let user = named(store, name).await?;
                let (text, made) = read(password)?;
                let change =
                    UserChange { password: Some(hashed(&text, &user.name)?), ..UserChange::default() };
                done(store.change_user(user.id, &change).await?, name)?;
                note(store, "change password", &user.name).await?;
                show(made.then_some(&text))?;
            }
            UsersCommand::Remove { name } => {
                let user = named(store, name).await?;
                done(store.remove_user(user.id).await?, name)?;
                note(store, "remove user", &user.name).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

async fn named(store: &dyn Store, name: &str) -> anyhow::Result<UserRow> {
    store.user_named(name).await?.with_context(|| format!("there is no user '{name}'"))
}

fn done(what: UserChanged, name: &str) -> anyhow::Result<()> {
    match what {
        UserChanged::Done => Ok(()),
        UserChanged::Missing => bail!("there is no user '{name}'"),
        UserChanged::LastAdmin => {
            bail!("'{name}' is the last administrator who may log in; make another one first")
        }
    }
}

/// Who works on the store's file itself has no login; the log says so.
async fn note(store: &dyn Store, action: &str, object: &str) -> anyhow::Result<()> {
    let (action, object) = (action.to_owned(), object.to_owned());
    let entry = AuditRow { id: 0, time: now(), user: None, action, object, address: "command line".into() };
    Ok(store.add_audit(&entry).await?)
}

/// The password that was given, or one made by chance (true).
fn read(from: &Password) -> anyhow::Result<(String, bool)> {
    if let Some(path) = &from.password_file {
        let mut line = String::new();
        if path.as_os_str() == "-" {
            std::io::stdin().lock().read_line(&mut line).context("reading the password")?;
        } else {
            let file =
                std::fs::File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            std::io::BufReader::new(file)
                .read_line(&mut line)
                .with_context(|| format!("cannot read {}", path.display()))?;
        }
        return Ok((line.trim_end_matches(['\r', '\n']).to_owned(), false));
    }
    if let Ok(text) = std::env::var("THREATMINER_PASSWORD") {
        return Ok((text, false));
    }
    let text = random().context("the system gives no randomness")?;
    // 80 bits in groups that can be typed.
    let groups: Vec<&str> = (0..5).filter_map(|i| text.get(i * 4..i * 4 + 4)).collect();
    Ok((groups.join("-"), true))
}

fn hashed(password: &str, name: &str) -> anyhow::Result<String> {
    check_password(password, name).map_err(anyhow::Error::msg)?;
    hash_password(password).map_err(anyhow::Error::msg)
}

/// A password made by chance is the command's only output.
fn show(password: Option<&String>) -> anyhow::Result<()> {
    if let Some(password) = password {
        let mut out = output::stdout();
        writeln!(out, "{password}")?;
        out.flush()?;
    }
    Ok(())
}

async fn list(store: &dyn Store, as_json: bool) -> anyhow::Result<ExitCode> {
    let mut out = output::stdout();
    let users = store.users().await?;
    for u in &users {
        if as_json {
            let value = json!({"id": u.id, "name": u.name, "role": u.role, "created": u.created,
                "last_login": u.last_login, "disabled": u.disabled});
            output::json_line(&mut out, &value)?;
            continue;
        }
        let last = u.last_login.map_or_else(|| "never logged in".into(), |t| format!("last login {t}"));
        let state = if u.disabled { ", disabled" } else { "" };
        writeln!(out, "{:<24} {:<8} {last}{state}", fit(&u.name, 24), u.role)?;
    }
    out.flush()?;
    if users.is_empty() {
        output::note("no user; a server on this machine is open to whoever reaches it");
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}
