//! The SQLite file of LiveChat's identity-provider-example: a table of users, and a table of their customers.

use super::{
    Column,
    input::{Input, Owner},
};
use crate::failure::Failure;
use cip::livechat::imported::Imported;
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use std::{borrow::Cow, path::Path};

/// Reads `file`, without a write to it. The row numbers are those of the table of customers.
pub(super) fn read(file: &Path, user: Column, input: &mut Input) -> Result<(), Failure> {
    let invalid = |error: rusqlite::Error| {
        Failure::Input(format!("{} is not the database of the identity-provider-example: {error}", file.display()))
    };
    let user = match user {
        Column::Id => "customer.userId",
        Column::Email => "user.email",
    };
    let database = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(invalid)?;
    let query = format!(
        "SELECT customer.rowid, {user}, customer.id, customer.cst FROM LiveChatCustomers AS customer \
         LEFT JOIN Users AS user ON user.id = customer.userId ORDER BY customer.rowid"
    );
    let mut query = database.prepare(&query).map_err(invalid)?;
    let mut rows = query.query([]).map_err(invalid)?;
    while let Some(row) = rows.next().map_err(invalid)? {
        let at = row.get(0).map_err(invalid)?;
        let [user, entity_id, cst] = [1, 2, 3].map(|column| text(row, column));
        // The example sends the customer's id as `__lc_cid`, and does not store when LiveChat set the cookies.
        let customer = Imported { entity_id: &entity_id, cid: &entity_id, cst: &cst, set_at: None, expire_at: None };
        input.add(at, Owner::User(&user, None), None, customer);
    }
    Ok(())
}

/// A string, or an integer as its digits: a table that somebody has made after the example may count its users. Empty for any other value.
fn text<'a>(row: &'a Row, column: usize) -> Cow<'a, str> {
    match row.get_ref(column) {
        Ok(ValueRef::Text(text)) => str::from_utf8(text).unwrap_or_default().into(),
        Ok(ValueRef::Integer(number)) => number.to_string().into(),
        _ => "".into(),
    }
}
