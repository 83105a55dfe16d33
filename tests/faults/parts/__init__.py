"""What each part of the package does in a storm, and what must hold of it."""
