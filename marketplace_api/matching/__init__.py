"""Pairs bids with asks: ``book`` is pure, ``service`` runs it on the order log."""
