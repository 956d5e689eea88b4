"""Why a model decides as it does on one text: its tokens, coloured by what they do to the logit.

The rule of the colours. The *effect* of a token is the logit as it is, minus the logit when all the token's matches are
removed from the text. A character shows the sum of the effects of the tokens that have a match on it: a token counts
once there, however many of its matches overlap, and the blanks inside a pattern lie on no character.
"""
