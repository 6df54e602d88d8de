"""The language of learning rules: a rule's arithmetic as small integer functions of Python, read as text.

`syntax` reads a function, or refuses it by line; `ranges` gives every expression its exact range; `described` puts a rule together;
`kernel` makes the compiled hook. What hardware is made of the same functions lies above the core: neurochip/cosim/rule.
"""
