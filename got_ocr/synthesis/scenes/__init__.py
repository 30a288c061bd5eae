"""Text outside of documents: signs and handwriting.

In: `Resources` and a generator of chance. Out: samples of the kinds `scene` and `handwriting`: text bent or written on
drawn backgrounds, answered as plain text.
"""
