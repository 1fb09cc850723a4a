"""The smallest whole thing: a job that asks, and a page that shows it."""
