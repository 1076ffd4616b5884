"""Stock reservations and stock levels."""
