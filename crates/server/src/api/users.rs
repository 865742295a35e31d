//! Users, for administrators.

use super::{ApiError, App, Asked};
use crate::access::{ADMIN, Noted, Role, check_name, check_password, now};
use crate::page::columns;
use crate::route::Route;
use axum::extract::{Path, Query, State};
use axum::http::{Method, StatusCode};
use axum::response::Response;
use axum::routing::{delete, get, patch, post};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use tm_store::{NewUser, UserChange, UserChanged, UserRow};

pub(super) fn routes() -> Vec<Route> {
    let (all, one) = ("/api/v1/users", "/api/v1/users/{id}");
    vec![
        Route::new(Method::GET, all, ADMIN, "users", get(list))
            .says("Users, by name")
            .list()
            .answers("{ total: number; items: User[]; next: string | null }"),
        Route::new(Method::POST, all, ADMIN, "add_user", post(add))
            .says("Makes a user")
            .takes("{ name: string; password: string; role: \"viewer\" | \"analyst\" | \"admin\" }")
            .makes("User")
            .audited("add user"),
        Route::new(Method::PATCH, one, ADMIN, "change_user", patch(change))
            .says("Changes role, password or whether a user may log in; its sessions end")
            .takes("{ role?: \"viewer\" | \"analyst\" | \"admin\"; password?: string; disabled?: boolean }")
            .answers("User")
            .audited("change user"),
        Route::new(Method::DELETE, one, ADMIN, "remove_user", delete(remove))
            .says("Removes a user with its tokens and saved searches")
            .audited("remove user"),
    ]
}

fn shown(u: &UserRow) -> Value {
    json!({"id": u.id, "name": u.name, "role": u.role, "created": u.created.to_string(),
        "last_login": crate::view::time(u.last_login), "disabled": u.disabled})
}

async fn list(State(app): App, Query(a): Query<Asked>) -> Result<Response, ApiError> {
    let items = app.store.users().await?.iter().map(shown).collect();
    let columns =
        columns!["id" Whole, "name" Text, "role" Text, "created" Time, "last_login" Time, "disabled" Flag];
    a.window()?.of_all(items, columns)
}

fn role(name: &str) -> Result<String, ApiError> {
    let known = Role::ALL.map(Role::as_str);
    match Role::named(name) {
        Some(role) => Ok(role.as_str().to_owned()),
        None => Err(ApiError::Bad(format!("unknown role '{name}', known are: {}", known.join(" ")))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Adding {
    name: String,
    password: String,
    role: String,
}

/// A user as it is answered, and what the audit log has of it.
type Shown = (Extension<Noted>, Json<Value>);

async fn add(State(app): App, Json(asked): Json<Adding>) -> Result<(StatusCode, Shown), ApiError> {
    if !app.access.has_users(&*app.store).await? {
        // Otherwise whoever reaches an open server could lock everyone else out without the link.
        return Err(ApiError::Conflict(
            "the first user is made with the link that the server printed, or by threatminer users add"
                .into(),
        ));
    }
    let name = check_name(&asked.name).map_err(ApiError::Bad)?;
    check_password(&asked.password, &name).map_err(ApiError::Bad)?;
    let role = role(&asked.role)?;
    let password = app.access.passwords.hash(asked.password).await.map_err(ApiError::Failed)?;
    let new = NewUser { name: name.clone(), role, password, created: now(), first: false };
    if app.store.add_user(&new).await?.is_none() {
        return Err(ApiError::Conflict(format!("there is a user '{name}' already")));
    }
    let user = app.store.user_named(&name).await?;
    let user = user.ok_or_else(|| ApiError::Failed("the new user is gone".into()))?;
    let noted = Extension(Noted(format!("{} {}, {}", user.id, user.name, user.role)));
    Ok((StatusCode::CREATED, (noted, Json(shown(&user)))))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Changing {
    role: Option<String>,
    password: Option<String>,
    disabled: Option<bool>,
}

async fn change(
    State(app): App,
    Path(id): Path<i64>,
    Json(asked): Json<Changing>,
) -> Result<Shown, ApiError> {
    let user = app.store.users().await?.into_iter().find(|u| u.id == id);
    let user = user.ok_or_else(|| ApiError::Missing(format!("no user {id}")))?;
    let mut change = UserChange { disabled: asked.disabled, ..UserChange::default() };
    let mut said = vec![user.name.clone()];
    said.extend(asked.role.iter().map(|r| format!("role {r}")));
    said.extend(asked.password.iter().map(|_| "password".to_owned()));
    said.extend(asked.disabled.map(|d| if d { "disabled" } else { "enabled" }.to_owned()));
    if let Some(name) = asked.role {
        change.role = Some(role(&name)?);
    }
    if let Some(password) = asked.password {
        check_password(&password, &user.name).map_err(ApiError::Bad)?;
        change.password = Some(app.access.passwords.hash(password).await.map_err(ApiError::Failed)?);
    }
    changed(app.store.change_user(id, &change).await?, id)?;
    let user = app.store.user_named(&user.name).await?;
    let user = user.ok_or_else(|| ApiError::Missing(format!("no user {id}")))?;
    Ok((Extension(Noted(said.join(", "))), Json(shown(&user))))
}

fn changed(what: UserChanged, id: i64) -> Result<(), ApiError> {
    match what {
        UserChanged::Done => Ok(()),
        UserChanged::Missing => Err(ApiError::Missing(format!("no user {id}"))),
        UserChanged::LastAdmin => Err(ApiError::Conflict(
            "this is the last administrator who may log in; make another one first".into(),
        )),
    }
}

async fn remove(State(app): App, Path(id): Path<i64>) -> Result<StatusCode, ApiError> {
    changed(app.store.remove_user(id).await?, id)?;
    Ok(StatusCode::NO_CONTENT)
}
