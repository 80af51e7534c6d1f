//! Showing credentials: the holder side of OpenID4VP 1.0. (Lands from the branch `holder`.)
