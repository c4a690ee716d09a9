perform = None
