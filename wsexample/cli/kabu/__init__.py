"""What ``kclient`` is made of: wishes, the stream, the ladder."""
