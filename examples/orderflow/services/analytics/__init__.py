"""Sales and click boards, revenue, cohorts, parcel tariffs."""
