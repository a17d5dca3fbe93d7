//! The one door to SQL: connections, transactions, migrations.
