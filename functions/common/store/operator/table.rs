//! The table as a whole.

use super::super::{Store, failed, response};
use crate::{context::Context, renewal::StoreError};

/// How much is stored, as DynamoDB counted it in the last six hours.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The number of items, of all kinds.
    pub items: u64,
    /// Their size.
    pub bytes: u64,
}

impl Store {
    /// How much is stored, approximately. One `DescribeTable`.
    pub async fn size(&self, context: &Context) -> Result<Size, StoreError> {
        let request = self.client.describe_table().table_name(&self.table);
        let table = response(request.send(), context).await?.map_err(|error| failed(&error))?.table;
        let count = |count: Option<i64>| count.and_then(|count| count.try_into().ok()).unwrap_or_default();
        Ok(Size {
            items: count(table.as_ref().and_then(|table| table.item_count)),
            bytes: count(table.as_ref().and_then(|table| table.table_size_bytes)),
        })
    }
}
