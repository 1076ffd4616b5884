"""One Markdown prompt a role."""
