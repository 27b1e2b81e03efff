"""What everybody may see: the market's constants, the book, health, a status page."""
